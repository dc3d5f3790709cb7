"""Scores of predicted masks against truth: figures, tables, JSON, and rules that must hold."""

from pipeline.evaluation.judge import evaluate, evaluate_flow
from pipeline.evaluation.measures import MEASURES, measure
from pipeline.evaluation.metrics import METRICS, score
from pipeline.evaluation.result import Report, Row
from pipeline.evaluation.rules import Rule, parse_rule

__all__ = [
    "MEASURES",
    "METRICS",
    "Report",
    "Row",
    "Rule",
    "evaluate",
    "evaluate_flow",
    "measure",
    "parse_rule",
    "score",
]

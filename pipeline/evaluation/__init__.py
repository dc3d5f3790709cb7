"""Scores of predicted masks against truth: figures, table, JSON, and rules that must hold."""

from pipeline.evaluation.metrics import METRICS, score
from pipeline.evaluation.result import Report, Row, Rule, evaluate, parse_rule

__all__ = ["METRICS", "Report", "Row", "Rule", "evaluate", "parse_rule", "score"]

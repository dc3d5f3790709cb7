"""Seconds and memory of a run, stage by stage, and of what else one might use."""

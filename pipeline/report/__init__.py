"""Pages and pictures for people."""

from pipeline.report.page import write_page
from pipeline.report.thumbnails import shrink

__all__ = ["shrink", "write_page"]

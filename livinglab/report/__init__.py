"""Reports that open without a network: one HTML file, charts drawn inside."""

from livinglab.report.contents import LabSection, Row, lab_section
from livinglab.report.page import write_report

__all__ = ["LabSection", "Row", "lab_section", "write_report"]

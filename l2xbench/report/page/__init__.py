"""The page `report.html`: opens from disk, needs no network, and is made from records alone."""

from l2xbench.report.page.write import Page, write_page

__all__ = ["Page", "write_page"]

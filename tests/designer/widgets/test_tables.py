"""Tables and trees behave for eye and keyboard."""

from __future__ import annotations

from PySide6.QtWidgets import QTableView, QTreeView
from pytestqt.qtbot import QtBot

from designer.widgets.tables import polish_table, polish_tree


def test_tables_let_tab_through(qtbot: QtBot) -> None:
    table, tree = QTableView(), QTreeView()
    qtbot.addWidget(table)
    qtbot.addWidget(tree)
    polish_table(table)
    polish_tree(tree)
    assert not table.tabKeyNavigation()
    assert not table.verticalHeader().isVisible()
    assert tree.uniformRowHeights()

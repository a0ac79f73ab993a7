"""What was observed, as drawings: pure functions from plain facts to SVG and the same in words.

A drawing stands by itself as an attachment and can be inlined in a page: it brings its colours for light and
dark, never tells anything by colour alone, and shows text of the target as text. Attach one with
`evidence.figure(name, *drawing)`.
"""

from stagehold.drawing.sheet import STYLE, Drawing

__all__ = ["STYLE", "Drawing"]

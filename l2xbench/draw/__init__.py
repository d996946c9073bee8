"""How figures and tables look; it knows no study, no store and no network.

`style` has sizes, fonts and colours. Tables: `tables`, made of `sheets` (what is read) and `table_files` (in which
languages), with `markup`. The heatmap figure: `heatmaps`, made of `panels` (what is shown), `layout` (where it stands),
`colormap` and `zoom`. `labels` finds room for the labels of points. `drawers` are processes that draw, `drawer` is what
they run.
"""

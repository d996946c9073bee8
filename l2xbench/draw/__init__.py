"""How figures and tables look; it knows no study, no store and no network.

`style` has sizes, fonts and colours. Tables: `tables`, from `sheets` (what is read) to `table_files` (the languages), with
`markup`. The heatmap figure: `heatmaps`, from `panels` (what is shown), `layout` (where), `colormap` and `zoom`. `labels`
finds room for the labels of points; `drawers` are processes that draw, and `drawer` is what they run.
"""

"""The explorer: a local page on which a click shows what each network used (`l2xbench explore`).

`pictures` finds the images, `workbench` runs the networks, `tab` is what one tab of a browser has chosen, `drawing`
makes pictures of it: none of them knows the page. `page`, `viewer` and `server` are the page, and alone need the extra.
"""

"""How good a reading is: truth files, matching, figures, and the report of `ocdrnet eval`.

Only `scoring` needs Shapely (`pip install 'ocdrnet[eval]'`). Files are opened by `datasets` and `report`.
"""

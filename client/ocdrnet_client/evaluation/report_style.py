"""The look of the HTML report: one style sheet, for light and dark, wide and narrow."""

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2330; --soft: #5d6678; --line: #d8dce5; --bar: #b9c6e4;
  --truth: #1769e0; --read: #e07b00; --missed: #d11f2f; --false: #b01fc0; --wrong: #c29400; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171d; --ink: #e7eaf0; --soft: #9aa3b5; --line: #343a47;
  --bar: #3d5183; --truth: #5aa2ff; --read: #ffab40; --missed: #ff6b76; --false: #ea7bf5; --wrong: #f0c93a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 66rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: .5rem 0; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 2rem 0 .4rem; overflow-wrap: anywhere; }
p { margin: .4rem 0; } .soft { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; } td.number, th.number { text-align: right; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: .8rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.chart { display: flex; gap: .5rem; } .chart svg { width: 100%; height: 9rem; border-bottom: 1px solid var(--line); }
.scale { display: flex; flex-direction: column; justify-content: space-between; height: 9rem; font-size: .75rem; }
.bar-detection { fill: var(--bar); } .bar-mark { fill: var(--truth); }
.picture { position: relative; line-height: 0; background: #8884; }
.picture img { width: 100%; height: auto; }
.picture svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.picture polygon { fill: none; vector-effect: non-scaling-stroke; stroke-width: 2; }
/* On a picture the colours stay the same whatever the page's scheme is. */
.picture .truth { stroke: #1769e0; } .picture .read { stroke: #ff8c00; stroke-dasharray: 5 3; }
.picture .ignored { stroke: #9a9a9a; stroke-width: 1; }
.picture .missed { fill: #ff203044; } .picture .false { fill: #d63be844; } .picture .wrong { fill: #ffd40055; }
.picture text { font: 700 1px system-ui, sans-serif; fill: #fff; stroke: #000; stroke-width: .2px;
  paint-order: stroke; }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: .875rem; }
.key span::before { content: ""; display: inline-block; width: 1.1rem; height: .8rem; margin-right: .4rem; }
.key .truth::before { border: 2px solid #1769e0; } .key .read::before { border: 2px dashed #ff8c00; }
.key .ignored::before { border: 1px solid #9a9a9a; }
.key .missed::before { background: #ff203044; border: 2px solid #1769e0; }
.key .false::before { background: #d63be844; border: 2px dashed #ff8c00; }
.key .wrong::before { background: #ffd40055; border: 2px solid #1769e0; }
td.missed { color: var(--missed); } td.false { color: var(--false); } td.wrong { color: var(--wrong); }
td.text { overflow-wrap: anywhere; min-width: 6rem; }
details { margin: .5rem 0; } summary { cursor: pointer; }
"""

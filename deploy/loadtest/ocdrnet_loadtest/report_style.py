"""The look of the HTML report: that of `ocdrnet eval`'s, and what plots need."""

from ocdrnet_client.evaluation.report_style import STYLE as _SHARED

STYLE = (
    _SHARED
    + """
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
/* The plots' own colours are for white paper. */
figure { margin: 0; padding: .5rem; background: #fff; border: 1px solid var(--line); border-radius: .4rem; }
figure svg { width: 100%; height: auto; display: block; }
td, th { white-space: nowrap; }
.knee { font-size: 1.1rem; font-weight: 600; }
.warning { border-left: .3rem solid var(--wrong); padding-left: .6rem; }
tr.met td:first-child { color: #0a8754; font-weight: 600; } tr.missed td:first-child { color: var(--missed);
  font-weight: 600; }
"""
)

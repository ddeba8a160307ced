/* SPDX-License-Identifier: MIT */
/* The parts of report.html, each from NAME to NAME_end. */

.macro part name, file
	.global \name, \name\()_end
\name:
	.incbin "\file"
\name\()_end:
.endm

	.section .rodata
	part statctl_report_html, report.html
	part statctl_report_css, report.css
	part statctl_report_charts, charts.js
	part statctl_report_figures, figures.js
	part statctl_report_workloads, workloads.js
	part statctl_report_script, report.js
	part statctl_chart_js, chart.min.js

	.section .note.GNU-stack, "", %progbits

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""report.html in a browser, as people see it: on a screen by day and by night, on a phone, on
paper, without any network. Screenshots stay in the folder that $REPORT_OUT names.

  STATCTL=build/cli/statctl REPORT_OUT=out/report tests/report/report_test.py
"""

import json
import os
import re
import subprocess
import unittest

from chromium import Chromium

HERE = os.path.dirname(os.path.abspath(__file__))
STATCTL = os.environ["STATCTL"]
OUT = os.environ["REPORT_OUT"]
PROTO = os.path.join(HERE, "../../userlib/proto")

WHOLE = os.path.join(HERE, "../../docs/bench/tcg.pb")  # statctl compare --quick in the guest
PART = os.path.join(HERE, "data/part.pb")     # of it three transports, no latency, no control
SIZES = {"light": (1280, False), "dark": (1280, True), "phone": (375, False),
         "phone-dark": (375, True)}

# Of each chart: its name, the marks of its datasets, and how many pixels are not see-through.
CHARTS = """charts.drawn.map(({canvas, chart}) => {
  const pen = canvas.getContext('2d');
  const {data} = pen.getImageData(0, 0, canvas.width, canvas.height);
  let painted = 0;
  for (let i = 3; i < data.length; i += 4) painted += data[i] > 0;
  const colors = new Set();
  for (let i = 0; i < data.length; i += 4)
    if (data[i + 3] === 255) colors.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
  return {
    name: canvas.closest('figure').dataset.chart,
    marks: chart.data.datasets.map((d, i) => chart.getDatasetMeta(i).data.length),
    painted, colors: colors.size,
    inside: canvas.getBoundingClientRect().right <= innerWidth + 1,
  };
})"""


TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def encode(text_file):
    """A results.pb from its text."""
    path = os.path.join(OUT, os.path.basename(text_file).replace(".txtpb", ".pb"))
    with open(text_file, "rb") as source, open(path, "wb") as target:
        subprocess.run(["protoc", f"--proto_path={PROTO}", "--encode=statchan.results.Results",
                        "results.proto"], stdin=source, stdout=target, check=True)
    return path


def render(name, *files):
    page = os.path.join(OUT, name)
    subprocess.run([STATCTL, "report", *files, "--html", page], check=True)
    return page


class ReportPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.makedirs(OUT, exist_ok=True)
        cls.browser = Chromium()
        cls.whole = render("whole.html", WHOLE)
        cls.sides = render("sides.html", WHOLE, PART)
        cls.part = render("part.html", PART)
        cls.hostile = render("hostile.html", encode(os.path.join(HERE, "data/hostile.txtpb")))

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()

    def show(self, page, size="light"):
        width, dark = SIZES[size]
        self.browser.open(page, width=width, dark=dark)

    def expect_quiet(self, page):
        """No complaint on the console, and nothing but the page itself was asked for."""
        self.assertEqual(self.browser.complaints, [])
        self.assertEqual([os.path.basename(url) for url in self.browser.requests],
                         [os.path.basename(page)])

    def expect_charts(self):
        canvases = self.browser.evaluate("document.querySelectorAll('canvas').length")
        drawn = self.browser.evaluate(CHARTS)
        self.assertEqual(len(drawn), canvases)
        for chart in drawn:
            with self.subTest(chart=chart["name"]):
                self.assertTrue(chart["marks"])
                self.assertTrue(all(n > 0 for n in chart["marks"]), chart)
                self.assertGreater(chart["painted"], 1000)
                self.assertGreater(chart["colors"], 1)
                self.assertTrue(chart["inside"])
        return [chart["name"] for chart in drawn]

    def text(self, selector="body"):
        return self.browser.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")

    def count(self, selector):
        return self.browser.evaluate(f"document.querySelectorAll({json.dumps(selector)}).length")

    # ---- tests

    def test_every_page_at_every_size(self):
        for page in (self.whole, self.sides, self.part, self.hostile):
            for size in SIZES:
                with self.subTest(page=os.path.basename(page), size=size):
                    self.show(page, size)
                    self.assertTrue(self.expect_charts())
                    self.expect_quiet(page)
                    self.assertEqual(self.browser.evaluate(TOO_WIDE), 0)
                    name = os.path.basename(page).replace(".html", "")
                    self.browser.screenshot(os.path.join(OUT, f"{name}-{size}.png"))

    def test_all_that_was_measured_has_its_chart(self):
        self.show(self.whole)
        names = self.expect_charts()
        for wanted in ("snapshot-time", "snapshot-tail", "snapshot-cost", "snapshot-churn",
                       "samples-rate/batch64", "samples-rate/busy", "samples-loss", "samples-cost",
                       "samples-policy", "samples-cpus", "producer", "lossless", "control",
                       "events"):
            self.assertIn(wanted, names)
        self.assertGreater(len([n for n in names if n.startswith("latency/")]), 1)

    def test_charts_show_what_was_measured(self):
        self.show(self.whole)
        results = json.loads(subprocess.run([STATCTL, "-j", "report", WHOLE], check=True,
                                            capture_output=True).stdout)
        wanted = {(p["transport"], int(p["load"]["bytes"])): m["value"]["median"]
                  for p in results["points"] if p["workload"] == "snapshot"
                  and not p["load"]["churn"] and not p["load"]["live"] for m in p["metrics"] if m["name"] == "time.p50"}
        shown = self.browser.evaluate("""charts.drawn[0].chart.data.datasets.flatMap((d) =>
            d.data.map((item) => [d.label, item.x, item.y]))""")
        self.assertEqual(len(shown), len(wanted))
        for transport, size, time in shown:
            self.assertAlmostEqual(time / wanted[transport, size], 1, places=3)

    def test_each_chart_has_words_and_a_table(self):
        self.show(self.whole)
        bare = self.browser.evaluate("""[...document.querySelectorAll('figure[data-chart]')].filter(
            (f) => !f.querySelector('h3').textContent || !f.querySelector('.how').textContent ||
            !f.querySelector('canvas').getAttribute('aria-label') ||
            f.querySelectorAll('details tbody tr').length === 0).map((f) => f.dataset.chart)""")
        self.assertEqual(bare, [])

    def test_each_workload_has_a_verdict_and_what_it_depends_on(self):
        self.show(self.whole)
        verdicts = self.browser.evaluate("""[...document.querySelectorAll('#verdict .card')].map(
            (c) => [c.dataset.workload, c.querySelectorAll('.questions li .chip').length])""")
        self.assertEqual([v[0] for v in verdicts],
                         ["snapshot", "samples", "producer", "lossless", "latency", "control",
                          "events"])
        self.assertTrue(all(chips > 0 for _, chips in verdicts), verdicts)
        environment = self.text("#environment")
        for wanted in ("kernel", "CPU", "accelerator", "mitigations", "governor",
                       "fresh processes for each point"):
            self.assertIn(wanted, environment)
        self.assertIn("syscall.user.read", self.text("#primitives"))
        self.assertIn("ring full", self.text("#evidence"))

    def test_what_was_not_measured_is_said_and_not_drawn(self):
        self.show(self.part)
        absent = self.browser.evaluate(
            "[...document.querySelectorAll('.no-chart')].map((f) => f.innerText)")
        self.assertTrue(any("Latency was not measured" in text for text in absent), absent)
        self.assertTrue(any("Control was not measured" in text for text in absent), absent)
        self.assertEqual(self.count(".no-chart canvas"), 0)
        self.assertIn("Not measured in this run", self.text("#verdict"))

    def test_runs_side_by_side(self):
        self.show(self.sides)
        labels = self.browser.evaluate("charts.drawn[0].chart.data.datasets.map((d) => d.label)")
        self.assertIn("mmap · A", labels)
        self.assertIn("mmap · B", labels)
        self.assertNotIn("relay · B", labels)
        table = self.text("#sides")
        self.assertRegex(table, r"\d+ of \d+ figures differ")
        self.assertRegex(table, r"×\d+\.\d\d ±\d+ % (differs|within noise)")

    def test_the_same_transport_has_one_colour(self):
        self.show(self.whole)
        colors = self.browser.evaluate("""charts.drawn.filter(({spec}) => spec.kind === 'lines')
            .flatMap(({chart}) => chart.data.datasets.map((d) => `${d.label} ${d.borderColor}`))""")
        transports = {line.split()[0] for line in colors}
        self.assertEqual(len(set(colors)), len(transports))
        self.assertEqual(len({line.split()[1] for line in colors}), len(transports))

    def test_faults_are_loud_and_win_nothing(self):
        self.show(self.hostile)
        banners = self.browser.evaluate(
            "[...document.querySelectorAll('.caveat.fault')].map((n) => n.innerText)")
        self.assertEqual(len(banners), 1)
        self.assertIn("DOES NOT ADD UP: snapshot over mmap", banners[0])
        self.assertIn("3 of 4 digests are <b>wrong</b>", banners[0])
        chips = self.browser.evaluate("""[...document.querySelectorAll(
            '[data-workload=snapshot] .chip')].map((n) => n.innerText)""")
        self.assertNotIn("mmap", chips)
        crosses = self.browser.evaluate("""charts.drawn[0].chart.data.datasets.filter(
            (d) => d.label === 'does not add up').map((d) => d.data.length)""")
        self.assertEqual(crosses, [1])

    def test_names_stay_text(self):
        self.show(self.hostile)
        self.assertIsNone(self.browser.evaluate("window.pwned"))
        self.assertEqual(self.count("img, main b, main i, main em"), 0)
        self.assertEqual(self.browser.evaluate("document.scripts.length"), 6)
        self.assertIn('6.1 <img src=x onerror="window.pwned = 2">', self.text("#environment"))
        self.assertIn("@DATA@", self.text("#environment"))

    def test_the_theme_can_be_chosen(self):
        self.show(self.whole)
        seen = []
        for _ in range(3):
            seen.append(self.browser.evaluate("""[document.getElementById('theme').innerText,
                getComputedStyle(document.body).backgroundColor,
                charts.drawn[0].chart.options.scales.x.ticks.color].join()"""))
            self.browser.evaluate("document.getElementById('theme').click()")
        self.assertEqual(len(set(seen)), 3)
        self.assertIn("dark", seen[2])
        self.expect_charts()
        self.expect_quiet(self.whole)

    def test_on_paper(self):
        self.show(self.whole, "dark")
        light = "#ffffff"
        self.browser.evaluate("""window.printed = null; addEventListener('beforeprint', () => {
            window.printed = getComputedStyle(document.documentElement)
              .getPropertyValue('--card').trim(); });""")
        document = self.browser.pdf(os.path.join(OUT, "whole.pdf"))
        self.assertTrue(document.startswith(b"%PDF"))
        self.assertGreater(len(re.findall(rb"/Type\s*/Page\b", document)), 3)
        self.assertEqual(self.browser.evaluate("window.printed"), light)
        self.expect_charts()

    def test_one_small_file(self):
        for page in (self.whole, self.sides):
            self.assertLess(os.path.getsize(page), 1_000_000)
            with open(page, encoding="utf-8") as file:
                text = file.read()
            self.assertIn("Chart.js v3.9.1", text)
            self.assertIn("Released under the MIT License", text)
            self.assertNotRegex(text, r"@(STYLE|CHART_JS|CHARTS|FIGURES|WORKLOADS|SCRIPT|DATA)@")


if __name__ == "__main__":
    unittest.main(verbosity=1)

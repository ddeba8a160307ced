// SPDX-License-Identifier: MIT
//
// What the sections of the page are made of: tables, and charts with their words. Everything that
// comes from the data goes into the page as text, never as HTML.
'use strict';

const page = (() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const {runs} = data;
  const several = runs.length > 1;
  const {format} = charts;

  // Numbers come without names, because there are so many.
  function spreadOf([median, min, max, n, noise]) {
    return {median, min, max, n, noise};
  }
  function unpack() {
    for (const run of runs) {
      for (const metric of run.points.flatMap((p) => Object.values(p.metrics)))
        metric.value = spreadOf(metric.value);
      for (const p of run.primitives) if (p.value) p.value = spreadOf(p.value);
    }
    for (const row of data.ratios) row.first = spreadOf(row.first);
  }
  unpack();

  // ---- small helpers

  // make('p', {class: 'how'}, 'text', node, ...)
  function make(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return node;
  }
  const unique = (list) => [...new Set(list)];
  const byNumber = (a, b) => a - b;
  const value = (point, metric) => point.metrics[metric] && point.metrics[metric].value;
  const unitOf = (point, metric) => (point.metrics[metric] || {}).unit || '';
  const named = (transport, run) => (several ? `${transport} · ${runs[run].label}` : transport);

  // All points that fit, each with the number of its run.
  function points(workload, fits = () => true) {
    return runs.flatMap((run, i) => run.points
      .filter((point) => point.workload === workload && fits(point.load, point))
      .map((point) => ({...point, run: i})));
  }
  // Transports in the order of the run, each with all its points; of several runs side by side.
  function byTransport(list) {
    const groups = new Map();
    for (const transport of unique(list.map((p) => p.transport))) {
      for (const point of list.filter((p) => p.transport === transport)) {
        const key = `${transport}\n${point.run}`;
        if (!groups.has(key)) groups.set(key, {transport, run: point.run, points: []});
        groups.get(key).points.push(point);
      }
    }
    return [...groups.values()].map((g) => ({...g, name: named(g.transport, g.run)}));
  }
  function mostCommon(list, key) {
    const counts = new Map();
    for (const item of list) counts.set(key(item), (counts.get(key(item)) || 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
  }
  function item(point, spread, rest) {
    return {...rest, lo: spread.min, hi: spread.max, fault: point.fault !== ''};
  }

  // ---- tables

  function spreadCell(spread, unit) {
    const cell = make('td', {class: 'number'});
    if (!spread) return cell;
    cell.append(format.unit(spread.median, unit));
    if (spread.n > 1) {
      cell.append(' ', make('small', {}, `±${Math.round(spread.noise * 100)} %`));
      cell.title = `${format.unit(spread.min, unit)} to ${format.unit(spread.max, unit)}, ` +
        `${spread.n} times`;
    }
    return cell;
  }
  function table(heads, rows) {
    const head = heads.map(([text, kind]) => make('th', {scope: 'col', class: kind || ''}, text));
    return make('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Table'},
      make('table', {}, make('thead', {}, make('tr', {}, head)), make('tbody', {}, rows)));
  }
  // The points of a chart with these metrics: [[name, title], ...]
  function pointTable(list, metrics) {
    const shown = metrics.filter(([name]) => list.some((point) => point.metrics[name]));
    const heads = [['load'], ['transport'], ...shown.map(([, title]) => [title, 'number']),
      ['adds up']];
    const rows = list.map((point) => make('tr', {class: point.fault ? 'fault' : ''},
      make('td', {}, point.load.text || '-'),
      make('td', {class: 'name'}, named(point.transport, point.run)),
      shown.map(([name]) => spreadCell(value(point, name), unitOf(point, name))),
      make('td', {}, point.fault || 'yes')));
    return table(heads, rows);
  }

  // ---- a chart with its words

  // Findings about a chart, of each run.
  function findings(chart) {
    return runs.flatMap((run) => run.paragraphs.flatMap((p) => p.findings)
      .filter((finding) => finding.chart === chart)
      .map((finding) => ({...finding, run})));
  }
  function chips(finding) {
    const all = finding.best.flatMap((name) => [make('span', {class: 'chip'}, name), ' ']);
    if (all.length === 0 && finding.topic) return [make('small', {}, 'undecided'), ' '];
    return finding.best.length > 1 ? [...all, make('small', {}, 'within the noise'), ' '] : all;
  }
  // Under a chart. Of several answers the sentences are in the verdict already.
  function bestLines(about) {
    return about.map((finding) => {
      const one = about.filter((f) => f.run === finding.run && f.topic).length === 1;
      const text = finding.topic && !one ? '' : finding.text;
      return make('p', {class: 'best'}, several ? `${finding.run.label}: ` : '',
        text ? '' : `${finding.topic}: `, chips(finding), text);
    });
  }
  // spec: for charts.draw; of: points and metrics for the table
  function figure({id, title, how, spec, list, metrics, rows}) {
    const about = bestLines(findings(id));
    const canvas = make('canvas', {role: 'img', 'aria-label': `${title}. ${how}`});
    const plot = make('div', {class: 'plot'}, canvas);
    if (rows) plot.style.height = `${Math.max(12, 7 + rows * 1.9)}rem`;
    const node = make('figure', {'data-chart': id}, make('h3', {}, title),
      make('p', {class: 'how'}, how), plot, about,
      make('details', {}, make('summary', {}, 'The same as a table'), pointTable(list, metrics)));
    node.draw = () => charts.draw(canvas, spec);
    return node;
  }
  function absent(title, why) {
    return make('figure', {class: 'no-chart'}, make('h3', {}, title),
      make('p', {class: 'absent'}, why));
  }
  const hasMarks = (series) => series.some((s) => s.items.length);

  // Lines over the number that `at` takes from a load.
  function lineFigure({list, metric, at, ...rest}) {
    const series = byTransport(list).map(({name, transport, run, points: mine}) => ({
      name, transport, run,
      items: mine.filter((p) => value(p, metric))
        .map((p) => item(p, value(p, metric), {x: at(p.load), y: value(p, metric).median}))
        .sort((a, b) => a.x - b.x),
    })).filter((s) => s.items.length);
    if (!hasMarks(series)) return absent(rest.title, rest.missing);
    const ticks = unique(list.map((p) => at(p.load))).sort(byNumber);
    const x = {log: true, ticks, ...rest.x};
    return figure({...rest, list, spec: {kind: 'lines', series, x, y: rest.y}});
  }
  // A group of bars for each name that `group` gives to a load.
  function barFigure({list, metric, group, groups, ...rest}) {
    const series = byTransport(list).map(({name, transport, run, points: mine}) => ({
      name, transport, run,
      items: mine.filter((p) => value(p, metric))
        .map((p) => item(p, value(p, metric), {x: group(p.load), y: value(p, metric).median})),
    })).filter((s) => s.items.length);
    if (!hasMarks(series)) return absent(rest.title, rest.missing);
    const spec = {kind: 'bars', groups, series, x: rest.x || {}, y: rest.y};
    return figure({...rest, list, spec});
  }
  // A row for each transport. marks: [[name, (points of it) => [point, spread] or nothing], ...]
  function dotFigure({list, marks, ...rest}) {
    const rows = byTransport(list);
    const series = marks.map(([name, pick]) => ({
      name,
      items: rows.flatMap((row) => {
        const [point, spread] = pick(row.points) || [];
        return spread ? [item(point, spread, {row: row.name, value: spread.median})] : [];
      }),
    })).filter((s) => s.items.length);
    if (!hasMarks(series)) return absent(rest.title, rest.missing);
    const spec = {kind: 'dots', rows, series, x: rest.x};
    return figure({...rest, list, rows: rows.length, spec});
  }
  const pick = (metric, fits = () => true) => (list) => {
    const point = list.find((p) => fits(p.load) && value(p, metric));
    return point && [point, value(point, metric)];
  };
  return {
    data, runs, several, make, unique, byNumber, value, named, points, byTransport, mostCommon,
    spreadCell, table, chips, figure, absent, hasMarks, lineFigure, barFigure, dotFigure, pick,
  };
})();

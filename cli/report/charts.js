// SPDX-License-Identifier: MIT
//
// What a chart looks like: colours and shapes of transports, scales, and Chart.js configurations
// made from plain descriptions. report.js says what is in them.
'use strict';

const charts = (() => {

  // ---- numbers as people read them

  function digits(value) {
    const size = Math.abs(value);
    if (size === 0) return '0';
    return String(Number(value.toPrecision(size >= 1000 ? 4 : 3)));
  }
  function scaled(value, steps) {
    const [factor, name] = steps.find(([f]) => Math.abs(value) >= f * 0.9995) || steps.at(-1);
    return `${digits(value / factor)} ${name}`.trim();
  }
  const TIME = [[1e9, 's'], [1e6, 'ms'], [1e3, 'µs'], [1, 'ns']];
  const COUNT = [[1e9, 'G'], [1e6, 'M'], [1e3, 'k'], [1, '']];
  const BYTES = [[2 ** 30, 'GiB'], [2 ** 20, 'MiB'], [2 ** 10, 'KiB'], [1, 'B']];

  const format = {
    time: (ns) => (ns === 0 ? '0' : scaled(ns, TIME)),
    count: (n) => scaled(n, COUNT),
    bytes: (n) => scaled(n, BYTES),
    percent: (share) => `${digits(share * 100)} %`,
    plain: digits,
    // by the unit of a metric
    unit(value, unit) {
      if (unit === 'B') return format.bytes(value);
      if (unit === 'B/s') return `${format.bytes(value)}/s`;
      if (unit === '1/s') return `${format.count(value)}${value >= 1000 ? '' : ' '}/s`;
      if (unit === 'share') return format.percent(value);
      return unit.startsWith('ns') ? format.time(value) : digits(value);
    },
  };

  // ---- looks: the same transport looks the same in all charts

  const SHAPES = ['circle', 'rectRounded', 'triangle', 'triangle', 'rect', 'rectRot', 'star',
    'cross', 'circle', 'rect'];
  const DASHES = [[], [7, 3], [], [7, 3], [2, 3], [], [9, 3, 2, 3], [4, 2], [2, 2], [5, 5]];
  const RUN_DASHES = [[], [6, 4], [2, 3], [9, 3, 2, 3]];
  const KNOWN = ['ioctl', 'read', 'netlink', 'netlink-nl', 'relay', 'mmap', 'procfs', 'bpf'];
  const seen = [...KNOWN];

  function look(transport) {
    if (!seen.includes(transport)) seen.push(transport);
    const n = seen.indexOf(transport);
    const place = n < 10 ? n : 8 + (n % 2);
    return {
      color: css(`--t${place}`),
      shape: SHAPES[place],
      dash: DASHES[place],
      rotation: place === 3 ? 180 : 0,
    };
  }
  function css(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  // Stripes, for what a flat colour already means something else.
  function striped(color) {
    const tile = document.createElement('canvas');
    tile.width = tile.height = 8;
    const pen = tile.getContext('2d');
    pen.fillStyle = `${color}22`;
    pen.fillRect(0, 0, 8, 8);
    pen.strokeStyle = color;
    pen.lineWidth = 1.6;
    for (const x of [-4, 0, 4, 8]) {
      pen.moveTo(x, 8);
      pen.lineTo(x + 8, 0);
    }
    pen.stroke();
    return pen.createPattern(tile, 'repeat');
  }

  // ---- whiskers: from the smallest to the largest of all repetitions

  function whisker(pen, scale, element, item, color) {
    const [low, high] = [item.lo, item.hi].map((v) =>
      scale.getPixelForValue(Math.min(Math.max(v, scale.min), scale.max)));
    const flat = scale.isHorizontal();
    const cap = 3;
    pen.strokeStyle = color;
    pen.beginPath();
    for (const at of [low, high]) {
      pen.moveTo(flat ? at : element.x - cap, flat ? element.y - cap : at);
      pen.lineTo(flat ? at : element.x + cap, flat ? element.y + cap : at);
    }
    pen.moveTo(flat ? low : element.x, flat ? element.y : low);
    pen.lineTo(flat ? high : element.x, flat ? element.y : high);
    pen.stroke();
  }
  const whiskers = {
    id: 'whiskers',
    afterDatasetsDraw(chart) {
      const pen = chart.ctx;
      pen.save();
      pen.lineWidth = 1.2;
      chart.getSortedVisibleDatasetMetas().forEach((meta) => {
        const dataset = chart.data.datasets[meta.index];
        meta.data.forEach((element, i) => {
          const item = dataset.data[i];
          if (item.lo === undefined || item.lo === item.hi) return;
          whisker(pen, meta.vScale, element, item, dataset.whisker || css('--text'));
        });
      });
      pen.restore();
    },
  };

  // ---- axes

  // Decades; with few of them, 2 and 5 between.
  function logTicks(scale) {
    const from = Math.floor(Math.log10(scale.min));
    const to = Math.ceil(Math.log10(scale.max));
    const steps = to - from <= 3 ? [1, 2, 5] : [1];
    scale.ticks = [];
    for (let e = from; e <= to; ++e) {
      for (const step of steps) {
        const value = step * 10 ** e;
        if (value >= scale.min && value <= scale.max) scale.ticks.push({value});
      }
    }
  }

  function axis(options) {
    const {title, text = format.plain, log, ticks, min, max, suggestedMax, category, grid = true} =
      options;
    const made = {
      title: {display: Boolean(title), text: title, color: css('--soft')},
      grid: {color: css('--grid'), borderColor: css('--line'), display: grid},
      ticks: {color: css('--soft'), maxRotation: 0},
    };
    if (category) return {...made, type: 'category', offset: true};
    made.type = log ? 'logarithmic' : 'linear';
    made.ticks.callback = (value) => text(value);
    if (min !== undefined) made.min = min;
    if (max !== undefined) made.max = max;
    if (suggestedMax) made.suggestedMax = suggestedMax;
    if (!log) made.beginAtZero = true;
    if (ticks) made.afterBuildTicks = (scale) => { scale.ticks = ticks.map((value) => ({value})); };
    else if (log) made.afterBuildTicks = logTicks;
    return made;
  }

  // Room for all values and whiskers on a logarithmic axis.
  function span(values, room = 1.25) {
    const there = values.filter((v) => v > 0);
    return there.length ? {min: Math.min(...there) / room, max: Math.max(...there) * room} : {};
  }

  // Where nothing is cut off a whisker: a bit above the highest value, if the axis begins with 0.
  function roof(axisSpec, items) {
    const highest = Math.max(...items.flatMap((i) => [i.y, i.hi ?? 0]));
    return axisSpec.log ? axisSpec : {suggestedMax: highest * 1.02, ...axisSpec};
  }

  function common(extra = {}) {
    return {
      responsive: true,
      maintainAspectRatio: false,
      animation: false,
      interaction: {mode: 'nearest', intersect: false},
      plugins: {
        legend: {
          position: 'bottom',
          labels: {usePointStyle: true, color: css('--text'), boxWidth: 8, boxHeight: 7,
            padding: 14},
          ...extra.legend,
        },
        tooltip: {callbacks: {label: extra.label || (() => '')}},
      },
    };
  }

  function range(item, text) {
    const spread = item.lo === undefined || item.lo === item.hi ? ''
      : ` (${text(item.lo)} to ${text(item.hi)})`;
    return `${text(item.value)}${spread}`;
  }

  // ---- charts. A series: {name, transport, run, items: [{x, y, lo, hi, fault}]}

  function lineSet(series, several) {
    const style = look(series.transport);
    const hollow = several && series.run > 0;
    return {
      label: series.name,
      data: series.items.filter((item) => !item.fault),
      borderColor: style.color,
      backgroundColor: hollow ? css('--card') : style.color,
      whisker: style.color,
      borderDash: several ? RUN_DASHES[series.run % 4] : style.dash,
      borderWidth: 2,
      pointStyle: style.shape,
      rotation: style.rotation,
      pointRotation: style.rotation,
      pointRadius: series.marks ? (c) => (c.raw && c.raw.mark ? 4.5 : 0) : 4.5,
      pointBorderWidth: 2,
      tension: 0,
    };
  }

  // What does not add up is no measurement, but it must not vanish.
  function faultSet(allSeries) {
    const items = allSeries.flatMap((series) => series.items.filter((item) => item.fault));
    if (!items.length) return [];
    return [{
      label: 'does not add up', data: items, showLine: false, type: 'line', pointStyle: 'crossRot',
      pointRadius: 9, pointBorderWidth: 3, borderColor: css('--bad'), backgroundColor: css('--bad'),
    }];
  }

  function lines(spec) {
    const all = spec.series.flatMap((s) => s.items);
    const several = new Set(spec.series.map((s) => s.run)).size > 1;
    const y = spec.y.log ? {...span(all.flatMap((i) => [i.y, i.lo, i.hi])), ...spec.y}
      : roof(spec.y, all);
    const x = spec.x.log ? {...span(all.map((i) => i.x), 1.15), ...spec.x} : spec.x;
    const options = common({
      label: (c) => `${c.dataset.label}: ${(spec.x.text || format.plain)(c.raw.x)}: ` +
        range({value: c.raw.y, ...c.raw}, spec.y.text),
    });
    options.scales = {x: axis(x), y: axis(y)};
    const sets = spec.series.map((s) => lineSet(s, several)).filter((set) => set.data.length);
    const datasets = [...sets, ...faultSet(spec.series)];
    return {type: 'line', data: {datasets}, options, plugins: [whiskers]};
  }

  // Bars side by side: a group for each of spec.groups, a bar for each series.
  function bars(spec) {
    const several = new Set(spec.series.map((s) => s.run)).size > 1;
    const options = common({label: (c) => `${c.dataset.label}: ` +
      range({value: c.raw.y, ...c.raw}, spec.y.text)});
    options.scales = {x: axis({category: true, grid: false, title: spec.x.title}),
      y: axis(roof(spec.y, spec.series.flatMap((s) => s.items)))};
    const datasets = spec.series.map((series) => {
      const style = look(series.transport);
      const color = style.color;
      return {
        label: series.name,
        data: series.items.filter((item) => !item.fault),
        backgroundColor: several && series.run > 0 ? striped(color) : color,
        borderColor: color,
        borderWidth: 1,
        pointStyle: 'rect',
      };
    }).filter((set) => set.data.length);
    return {
      type: 'bar',
      data: {labels: spec.groups, datasets: [...datasets, ...faultSet(spec.series)]},
      options,
      plugins: [whiskers],
    };
  }

  // A bar for each row, made of parts. spec.rows: names;
  // spec.parts: [{name, color, stripes, values}]
  function stacked(spec) {
    const options = common({
      legend: {labels: {color: css('--text'), boxWidth: 14, padding: 12}},
      label: (c) => `${c.dataset.label}: ${spec.x.text(c.raw)}`,
    });
    options.indexAxis = 'y';
    options.interaction = {mode: 'index', axis: 'y', intersect: false};
    options.scales = {
      x: {...axis(spec.x), stacked: true},
      y: {...axis({category: true, grid: false}), stacked: true},
    };
    options.scales.y.ticks.color = css('--text');
    const fill = (part, i) => {
      const color = part.colors ? look(part.colors[i]).color : css(part.color);
      return part.stripes ? striped(color) : color;
    };
    const datasets = spec.parts.map((part) => ({
      label: part.name,
      data: part.values,
      backgroundColor: spec.rows.map((_, i) => fill(part, i)),
      borderColor: css('--card'),
      borderWidth: 1,
      barPercentage: 0.8,
    }));
    if (spec.parts.some((part) => part.colors)) {
      options.plugins.legend.labels.generateLabels = (chart) => chart.data.datasets.map((d, i) => ({
        text: d.label, datasetIndex: i, hidden: !chart.isDatasetVisible(i), lineWidth: 0,
        fontColor: css('--text'),
        fillStyle: spec.parts[i].stripes ? striped(css('--soft')) : css('--soft'),
      }));
    }
    return {type: 'bar', data: {labels: spec.rows, datasets}, options};
  }

  // A row for each transport, a mark for each series: for values that are decades apart.
  // spec.rows: [{name, transport}]; spec.series: [{name, items: [{row, value, lo, hi, fault}]}]
  function dots(spec) {
    const all = spec.series.flatMap((s) => s.items);
    const options = common({label: (c) => `${c.dataset.label}: ` +
      range({value: c.raw.x, ...c.raw}, spec.x.text)});
    options.indexAxis = 'y';
    const limits = span(all.flatMap((i) => [i.value, i.lo, i.hi]));
    options.scales = {x: axis({...limits, ...spec.x, log: true}), y: axis({category: true})};
    options.scales.y.ticks.color = css('--text');
    const transports = new Map(spec.rows.map((row) => [row.name, row.transport]));
    const datasets = spec.series.map((series, n) => {
      const items = series.items.filter((item) => !item.fault);
      const colors = items.map((item) => look(transports.get(item.row)).color);
      return {
        label: series.name,
        data: items.map((item) => ({x: item.value, y: item.row, lo: item.lo, hi: item.hi})),
        showLine: false,
        pointStyle: ['circle', 'rectRot', 'triangle', 'rect'][n % 4],
        pointRadius: 6,
        pointBorderWidth: 2,
        pointBorderColor: colors,
        pointBackgroundColor: n % 2 ? css('--card') : colors,
        borderColor: css('--soft'),
        backgroundColor: n % 2 ? css('--card') : css('--soft'),
      };
    });
    const faults = faultSet([{items: all.filter((i) => i.fault)
      .map((i) => ({...i, x: i.value, y: i.row}))}]);
    return {
      type: 'line',
      data: {labels: spec.rows.map((row) => row.name), datasets: [...datasets, ...faults]},
      options,
      plugins: [whiskers],
    };
  }

  const makers = {lines, bars, stacked, dots};
  const drawn = [];

  // Draws a description; again with other colours, if the theme changes.
  function draw(canvas, spec) {
    const entry = {canvas, spec, chart: null};
    drawn.push(entry);
    paint(entry);
  }
  function paint(entry) {
    if (entry.chart) entry.chart.destroy();
    entry.chart = new Chart(entry.canvas, makers[entry.spec.kind](entry.spec));
  }
  function defaults() {
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    Chart.defaults.font.size = 12;
  }
  function repaint() {
    drawn.forEach(paint);
  }
  return {format, look, draw, repaint, defaults, drawn};
})();

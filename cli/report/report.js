// SPDX-License-Identifier: MIT
//
// The page from top to bottom: verdicts, charts, what the figures depend on, and the evidence.
'use strict';

(() => {
  const {
    data, runs, several, make, unique, byNumber, named, byTransport, spreadCell, table, chips,
  } = page;
  const {format} = charts;

  // ---- words

  const TITLES = {snapshot: 'Snapshots', samples: 'Samples', producer: 'Each side alone',
    lossless: 'Highest rate without loss', latency: 'Latency', control: 'Control',
    events: 'Events'};

  // One line for each question: what it is, who is best, how it stands.
  function question(finding) {
    return make('li', {}, make('strong', {}, finding.topic), make('span', {}, chips(finding)),
      make('span', {}, finding.text));
  }
  function verdict(run, paragraph) {
    const title = TITLES[paragraph.workload] || paragraph.workload;
    const head = make('h3', {}, several ? `${title}, run ${run.label}` : title);
    if (!paragraph.findings.length)
      return make('div', {class: 'card'}, head,
        make('p', {class: 'absent'}, 'Not measured in this run, so nothing is said.'));
    const overviews = paragraph.findings.filter((f) => !f.topic);
    return make('div', {class: 'card', 'data-workload': paragraph.workload}, head,
      make('p', {class: 'verdict'}, overviews.map((f) => `${f.text} `)),
      make('ul', {class: 'questions'}, paragraph.findings.filter((f) => f.topic).map(question)),
      make('p', {class: 'how'}, paragraph.noise));
  }
  // Workload by workload, run by run.
  function words() {
    return runs[0].paragraphs.flatMap((_, i) => runs.map((run) => verdict(run, run.paragraphs[i])));
  }

  // ---- runs side by side

  function ratioCell(ratio) {
    if (!ratio) return make('td', {class: 'number'}, '-');
    const cell = make('td', {class: `number${ratio.beyond ? ' beyond' : ''}`},
      `×${ratio.ratio.toFixed(2)} `, make('small', {}, `±${Math.round(ratio.noise * 100)} %`));
    cell.append(ratio.beyond ? ' differs' : ' within noise');
    return cell;
  }
  function sideBySide() {
    const first = runs[0].label;
    const both = data.ratios.filter((row) => row.others.some(Boolean));
    const rows = both.map((row) => make('tr', {},
      make('td', {}, row.workload), make('td', {}, row.load || '-'),
      make('td', {class: 'name'}, row.transport), make('td', {}, row.figure),
      spreadCell(row.first, row.unit), row.others.map(ratioCell)));
    const all = data.ratios.flatMap((row) => row.others).filter(Boolean);
    const beyond = all.filter((ratio) => ratio.beyond).length;
    return [make('div', {class: 'card long'},
      make('p', {}, `${beyond} of ${all.length} figures differ from ${first} by more than their ` +
        `repetitions do. ${data.ratios.length - both.length} points of ${first} have no counterpart.`),
      table([['workload'], ['load'], ['transport'], ['figure'], [runs[0].label, 'number'],
        ...runs.slice(1).map((run) => [`${run.label} to ${runs[0].label}`, 'number'])], rows))];
  }

  // ---- what it depends on

  function primitives() {
    const key = (p) => `${p.name}\n${p.bytes}\n${p.unit}`;
    const keys = unique(runs.flatMap((run) => run.primitives.map(key)));
    if (!keys.length)
      return [make('div', {class: 'card'}, make('p', {class: 'absent'},
        'The primitives were not measured: a run of some workloads only leaves them out.'))];
    const find = (run, k) => run.primitives.find((p) => key(p) === k);
    const cell = (p) => {
      if (!p) return make('td', {class: 'number'}, '-');
      if (p.unavailable) return make('td', {}, `unavailable: ${p.unavailable}`);
      const node = spreadCell(p.value, p.unit === 'ns' ? 'ns' : '');
      if (p.unit !== 'ns') node.firstChild.after(` ${p.unit}`);
      return node;
    };
    const rows = keys.map((k) => {
      const first = runs.map((run) => find(run, k)).find(Boolean);
      return make('tr', {}, make('td', {class: 'name'}, first.name),
        make('td', {class: 'number'}, first.bytes ? format.bytes(first.bytes) : ''),
        runs.map((run) => cell(find(run, k))), make('td', {}, first.what));
    });
    const costs = runs.map((run) => [several ? run.label : 'cost', 'number']);
    return [make('div', {class: 'card long'},
      make('p', {class: 'how'}, 'What the steps of a crossing cost on the same boot: whatever a ' +
        'transport costs is made of these.'),
      table([['step'], ['size', 'number'], ...costs, ['what']], rows))];
  }
  function environment(run) {
    const e = run.environment;
    const metrics = run.points.flatMap((p) => Object.values(p.metrics));
    const repeats = unique(metrics.map((m) => m.value.n)).sort(byNumber);
    const facts = [
      ['file', run.file], ['command', run.command], ['kernel', e.kernel], ['CPU', e.cpu],
      ['CPUs online', e.cpus], ['accelerator', e.accelerator || 'none: not in the lab'],
      ['mitigations', e.mitigations.join('; ') || 'none are needed or known'],
      ['governor', e.governor || 'none'], ['clock source', e.clock],
      ['page size', format.bytes(e.page_size)], ['kernel command line', e.command_line],
      ['module', e.abi ? `ABI ${e.abi}` : 'not loaded'], ['statctl', e.version],
      ['fresh processes for each point', repeats.join(' to ')],
      ['began', run.unix_ms ? new Date(run.unix_ms).toISOString().replace(/\..*/, ' UTC') : ''],
      ['took', `${Math.round(run.seconds)} s${run.complete ? '' : ', ended early'}`],
    ];
    return make('div', {class: 'card'}, several ? make('h3', {}, `Run ${run.label}`) : null,
      make('dl', {}, facts.filter(([, text]) => text !== '').flatMap(([name, text]) =>
        [make('dt', {}, name), make('dd', {}, String(text))])));
  }

  // ---- evidence

  const counted = (n) => make('td', {class: 'number'}, n.toLocaleString('en'));

  // What a transport delivered in all its points. columns: of the books
  function booksRow(group, columns) {
    const sum = (key) => group.points.reduce((n, p) => n + p.books[key], 0);
    const faults = group.points.filter((p) => p.fault).length;
    return make('tr', {class: faults ? 'fault' : ''}, make('td', {class: 'name'}, group.name),
      counted(group.points.length), counted(faults), columns.map(([key]) => counted(sum(key))));
  }
  function lostCell(group) {
    const lost = new Map();
    for (const [reason, n] of group.points.flatMap((p) => Object.entries(p.books.lost)))
      lost.set(reason, (lost.get(reason) || 0) + n);
    const words = [...lost].map(([reason, n]) =>
      `${reason.replace('_', ' ')} ${n.toLocaleString('en')}`);
    return make('td', {}, words.join(', ') || 'none');
  }
  function booksTable(list, columns, withLost) {
    const heads = [['transport'], ['points', 'number'], ['do not add up', 'number'],
      ...columns.map(([, title]) => [title, 'number'])];
    if (withLost) heads.push(['lost, by reason']);
    return table(heads, byTransport(list).map((group) => {
      const row = booksRow(group, columns);
      if (withLost) row.append(lostCell(group));
      return row;
    }));
  }
  function inForce(all) {
    const lines = unique(all.flatMap((p) => p.in_force
      .map((f) => `${named(p.transport, p.run)}, ${p.workload}, ${p.load.text}\n${f}`)));
    return table([['point'], ['in force']], lines.map((line) => make('tr', {},
      line.split('\n').map((part) => make('td', {}, part)))));
  }
  function evidence() {
    const all = runs.flatMap((run, i) => run.points.map((p) => ({...p, run: i})));
    const streams = all.filter((p) => ['samples', 'producer', 'lossless', 'latency']
      .includes(p.workload));
    const snaps = all.filter((p) => p.workload === 'snapshot');
    return [make('div', {class: 'card long'},
      make('h3', {}, 'Streams: every record is accounted for, and is what was sent'),
      streams.length ? booksTable(streams, [['produced', 'produced'], ['received', 'received'],
        ['digests_wrong', 'wrong bytes']], true)
        : make('p', {class: 'absent'}, 'No stream was measured.'),
      make('h3', {}, 'Snapshots: the same bytes over every transport'),
      snaps.length ? booksTable(snaps, [['received', 'read'],
        ['digests_checked', 'digests checked'], ['digests_wrong', 'wrong']])
        : make('p', {class: 'absent'}, 'No snapshot was measured.'),
      make('details', {}, make('summary', {}, 'What was in force at each point'), inForce(all)))];
  }

  // ---- the page

  function section(id, title, nodes, figures = false) {
    const body = figures ? make('div', {class: 'figures'}, nodes) : nodes;
    document.getElementById('main').append(make('section', {id}, make('h2', {}, title), body));
    document.getElementById('contents').append(make('a', {href: `#${id}`}, title));
    for (const node of nodes) if (node.draw) node.draw();
  }
  function head() {
    const about = document.getElementById('about');
    about.textContent = several ? '' : runs[0].summary;
    if (several)
      about.append(...runs.flatMap((run) =>
        [make('strong', {}, `${run.label}: ${run.file} `), run.summary, make('br')]));
    for (const caveat of unique(runs.flatMap((run) => run.caveats))) {
      const whose = runs.filter((run) => run.caveats.includes(caveat)).map((run) => run.label);
      document.getElementById('main').append(make('p',
        {class: caveat.startsWith('DOES NOT') ? 'caveat fault' : 'caveat'},
        several ? `${whose.join(', ')}: ${caveat}` : caveat));
    }
  }

  function setTheme(theme, name) {
    document.documentElement.dataset.theme = theme;
    if (name) document.getElementById('theme').textContent = `Theme: ${name}`;
  }
  function themes() {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const system = () => (dark.matches ? 'dark' : 'light');
    let chosen = 'automatic';
    const apply = () => {
      setTheme(chosen === 'automatic' ? system() : chosen, chosen);
      charts.repaint();
    };
    const next = {automatic: 'light', light: 'dark', dark: 'automatic'};
    document.getElementById('theme').addEventListener('click', () => {
      chosen = next[chosen];
      apply();
    });
    dark.addEventListener('change', apply);
    addEventListener('beforeprint', () => {
      setTheme('light');
      charts.repaint();
    });
    addEventListener('afterprint', apply);
    setTheme(system(), chosen);
  }

  themes();
  charts.defaults();
  head();
  section('verdict', 'In words', words());
  if (several) section('sides', 'Side by side', sideBySide());
  section('snapshots', 'Snapshots', workloads.snapshots(), true);
  section('samples', 'Samples', workloads.samples(), true);
  section('limits', 'Limits', workloads.limits(), true);
  section('latency', 'Latency', workloads.latency(), true);
  section('control', 'Control and events', workloads.control(), true);
  section('primitives', 'Primitives of the same boot', primitives());
  section('environment', 'Environment', runs.map(environment));
  section('evidence', 'Evidence', evidence());
})();

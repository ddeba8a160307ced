// SPDX-License-Identifier: MIT
//
// The charts of each workload. One that was not measured says so in words.
'use strict';

const workloads = (() => {
  const {
    unique, byNumber, value, named, points, mostCommon, figure, absent, hasMarks, lineFigure,
    barFigure, dotFigure, pick,
  } = page;
  const {format} = charts;

  // ---- snapshots

  const SNAPSHOT = [['time.p50', 'p50'], ['time.p99', 'p99'], ['call.p50', 'call p50'],
    ['throughput', 'per second'], ['reader.per_kb', 'reader CPU/KiB'],
    ['cpu.user.per_kb', 'user/KiB'], ['cpu.kernel.per_kb', 'kernel/KiB'],
    ['cpu.softirq.per_kb', 'softirq/KiB'], ['system_calls', 'system calls'],
    ['retries', 'retries'], ['memory', 'memory']];

  function snapshots() {
    const plain = points('snapshot', (l) => !l.churn && !l.live && l.readers <= 1);
    const bySize = (id, title, metric, how) => lineFigure({
      id, title, how, list: plain, metric, metrics: SNAPSHOT, at: (l) => l.bytes,
      x: {title: 'size of the counters', text: format.bytes},
      y: {log: true, title: 'time', text: format.time},
      missing: 'It was not measured in this run.',
    });
    const made = [
      bySize('snapshot-time', 'Snapshot: time by size', 'time.p50',
        'Lower is faster. Time of one snapshot until every counter has been read, the median of ' +
        'each process; whiskers span the fastest and the slowest process. Both axes are ' +
        'logarithmic.'),
    ];
    if (!plain.length) return made;
    made.push(
      bySize('snapshot-tail', 'Snapshot: the slow ones', 'time.p99',
        'Lower is steadier. 99 of 100 snapshots took at most this long.'),
      bySize('snapshot-cost', 'Snapshot: what it costs the reader', 'reader.per_kb',
        'Lower is cheaper. Processor time of the reading thread, in user space and kernel, for ' +
        'each KiB of counters.'),
      churn(), readers());
    return made;
  }
  function churn() {
    const title = 'Snapshot: each a new one';
    const fresh = points('snapshot', (l) => l.churn);
    const size = fresh[0]?.load.bytes;
    const list = points('snapshot', (l) => l.bytes === size && l.readers <= 1);
    if (!fresh.length) return absent(title, 'Snapshots that change each time were not measured.');
    return dotFigure({
      id: 'snapshot-churn', title, list, metrics: SNAPSHOT,
      how: `Further left is faster. ${format.bytes(size)}, either the generation that is there ` +
        'already, or a new one for each call, with the driver\'s work to fill it; or in memory ' +
        'that the kernel refreshes.',
      marks: [['shared generation', pick('time.p50', (l) => !l.churn && !l.live)],
        ['each a new one', pick('time.p50', (l) => l.churn)],
        ['live, without a call', pick('time.p50', (l) => l.live)]],
      x: {title: 'time (median)', text: format.time}, missing: 'It was not measured.',
    });
  }
  function readers() {
    const size = points('snapshot', (l) => l.readers > 1)[0]?.load.bytes;
    const list = points('snapshot', (l) => !l.churn && !l.live && l.bytes === size);
    const title = 'Snapshot: many readers';
    if (size === undefined)
      return absent(title, 'Several readers at once were not measured in this run.');
    return lineFigure({
      id: 'snapshot-readers', title, list, metric: 'time.p50', metrics: SNAPSHOT,
      how: `Lower is faster. ${format.bytes(size)}, read by several threads at once.`,
      at: (l) => l.readers, x: {title: 'readers', text: format.plain},
      y: {log: true, title: 'time', text: format.time}, missing: 'It was not measured.',
    });
  }

  // ---- samples

  const SAMPLES = [['delivered', 'delivered'], ['throughput', 'payload'], ['offered', 'offered'],
    ['lost', 'lost'], ['lost.share', 'share lost'], ['producer', 'producer'],
    ['consumer', 'consumer'], ['consumer.kernel', 'in kernel'], ['cpu.total', 'machine'],
    ['cpu.softirq', 'softirq'], ['wakeups', 'wakeups'], ['system_calls', 'system calls'],
    ['memory', 'buffers']];
  const POLICY = {
    busy: 'looks again and again',
    each: 'woken for each record',
    batch64: 'woken for 64 records',
    timeout: 'woken after 1 ms',
  };

  function policyTitle(policy) {
    return POLICY[policy] ? `consumer ${POLICY[policy]}` : policy;
  }
  // As verdict.cpp has it: what most points have in common.
  function usualLoad(all) {
    const policies = unique(all.map((p) => p.load.policy));
    return {
      bytes: mostCommon(all, (p) => p.load.bytes),
      buffer: mostCommon(all, (p) => p.load.buffer),
      policy: policies.includes('batch64') ? 'batch64' : mostCommon(all, (p) => p.load.policy),
    };
  }
  function samples() {
    const all = points('samples');
    const rate = {title: 'records per second', text: format.count};
    if (!all.length)
      return [absent('Samples: throughput', 'Samples were not measured in this run.')];
    const usual = usualLoad(all);
    const single = all.filter((p) => p.load.cpus <= 1 && p.load.buffer === usual.buffer);
    const policies = unique(single.map((p) => p.load.policy));
    const made = policies.filter((policy) => bySizes(single, policy).sizes > 1 ||
      policy === usual.policy).sort((a, b) => (b === usual.policy) - (a === usual.policy))
      .map((policy) => lineFigure({
        id: `samples-rate/${policy}`, title: `Samples: throughput, ${policyTitle(policy)}`,
        how: 'Higher is better. Records that arrived each second while the producer never ' +
          'paused; whiskers span all processes.',
        list: bySizes(single, policy).list, metric: 'delivered', metrics: SAMPLES,
        at: (l) => l.bytes, x: {title: 'bytes of a record', text: format.bytes}, y: rate,
        missing: 'It was not measured.',
      }));
    const here = single.filter((p) => p.load.bytes === usual.bytes);
    const typical = here.filter((p) => p.load.policy === usual.policy);
    return [...made, lossFigure(typical), costFigure(typical), policyFigure(here, rate),
      producersFigure(all, usual, rate), bufferFigure(all, usual)];
  }
  function bySizes(list, policy) {
    const mine = list.filter((p) => p.load.policy === policy);
    return {list: mine, sizes: unique(mine.map((p) => p.load.bytes)).length};
  }
  function lossFigure(list) {
    const there = list.filter((p) => value(p, 'delivered') && !p.fault);
    const title = 'Samples: loss under overload';
    if (!there.length) return absent(title, 'It was not measured in this run.');
    const rows = there.map((p) => {
      const share = value(p, 'lost.share');
      return `${named(p.transport, p.run)}${share ? `: ${format.percent(share.median)} lost` : ''}`;
    });
    const parts = [
      {name: 'delivered', colors: there.map((p) => p.transport),
        values: there.map((p) => value(p, 'delivered').median)},
      {name: 'lost, and told', stripes: true, colors: there.map((p) => p.transport),
        values: there.map((p) => (value(p, 'lost') || {median: 0}).median)},
    ];
    return figure({
      id: 'samples-loss', title, list, metrics: SAMPLES, rows: rows.length,
      how: `Longer solid bars are better. ${there[0].load.text}: the producer writes without ` +
        'pause, and every record that is not delivered is in the ledger.',
      spec: {kind: 'stacked', rows, parts, x: {title: 'records per second', text: format.count}},
    });
  }
  function costFigure(list) {
    const there = list.filter((p) => value(p, 'producer') && value(p, 'consumer') && !p.fault);
    const title = 'Samples: what a record costs';
    if (!there.length) return absent(title, 'It was not measured in this run.');
    const of = (p, metric) => (value(p, metric) || {median: 0}).median;
    const kernel = (p) => Math.min(of(p, 'consumer.kernel'), of(p, 'consumer'));
    const parts = [
      {name: 'producer', color: '--p0', values: there.map((p) => of(p, 'producer'))},
      {name: 'softirq', color: '--p3', values: there.map((p) => of(p, 'cpu.softirq'))},
      {name: 'kernel, for the consumer', color: '--p1', values: there.map(kernel)},
      {name: 'consumer', color: '--p2', values: there.map((p) => of(p, 'consumer') - kernel(p))},
    ];
    return figure({
      id: 'samples-cost', title, list, metrics: SAMPLES, rows: there.length,
      how: `Shorter is cheaper. ${there[0].load.text}. The producer's time is for each record ` +
        'that it wrote, the rest for each that arrived; softirq and kernel are sampled by the ' +
        'clock tick.',
      spec: {kind: 'stacked', rows: there.map((p) => named(p.transport, p.run)), parts,
        x: {title: 'processor time of a record', text: format.time}},
    });
  }
  function policyFigure(list, y) {
    const title = 'Samples: what waking costs';
    const order = ['busy', 'each', 'batch64', 'timeout'];
    const groups = unique(list.map((p) => p.load.policy))
      .sort((a, b) => order.indexOf(a) - order.indexOf(b));
    if (groups.length < 2) return absent(title, 'Only one wakeup policy was measured in this run.');
    const legend = groups.map((g) => (POLICY[g] ? `${g}: ${POLICY[g]}` : g)).join('; ');
    return barFigure({
      id: 'samples-policy', title, list, metric: 'delivered', metrics: SAMPLES, groups, y,
      group: (l) => l.policy, x: {title: 'wakeup policy'}, missing: 'It was not measured.',
      how: 'Higher is better. The same records under each policy of waking the consumer ' +
        `(${legend}).`,
    });
  }
  function producersFigure(all, usual, y) {
    const title = 'Samples: several producers';
    const list = all.filter((p) => p.load.bytes === usual.bytes && p.load.policy === usual.policy &&
      p.load.buffer === usual.buffer);
    const groups = unique(list.map((p) => p.load.cpus)).sort(byNumber);
    if (groups.length < 2) return absent(title, 'One CPU produced in this run.');
    const name = (cpus) => `${cpus} CPU${cpus === 1 ? '' : 's'}`;
    return barFigure({
      id: 'samples-cpus', title, list, metric: 'delivered', metrics: SAMPLES,
      groups: groups.map(name), group: (l) => name(l.cpus), y, missing: 'It was not measured.',
      x: {title: 'CPUs that produce'},
      how: 'Higher is better. One consumer reads what one or all CPUs produce; the last CPU ' +
        'does both.',
    });
  }
  function bufferFigure(all, usual) {
    const title = 'Samples: loss by size of the buffer';
    const list = all.filter((p) => p.load.bytes === usual.bytes && p.load.policy === usual.policy &&
      p.load.cpus <= 1);
    if (unique(list.map((p) => p.load.buffer)).length < 2)
      return absent(title, 'One size of buffers was measured in this run.');
    return lineFigure({
      id: 'samples-buffer', title, list, metric: 'lost.share', metrics: SAMPLES,
      how: 'Lower is better. What share of the records was lost; a longer buffer helps against ' +
        'bursts, not against a consumer that is too slow.',
      at: (l) => l.buffer, x: {title: 'buffer of each CPU', text: format.bytes},
      y: {title: 'share lost', text: format.percent}, missing: 'It was not measured.',
    });
  }

  // ---- latency

  const QUANTILES = [['latency.p50', 'p50', 0.5], ['latency.p90', 'p90', 0.9],
    ['latency.p99', 'p99', 0.99], ['latency.p99_9', 'p99.9', 0.999],
    ['latency.p99_99', 'p99.99', 0.9999]];
  const LATENCY = [...QUANTILES.map(([name, title]) => [name, title]), ['latency.max', 'max']];

  // Over 1 / (share that took longer), so that each step to the right is ten times as rare. A step
  // function: the quantiles with a name are put where they belong on it.
  function curve(point) {
    const {upper_ns: times, count} = point.latency;
    const all = count.reduce((a, b) => a + b, 0);
    const fault = point.fault !== '';
    const items = [];
    const marks = QUANTILES.filter(([metric]) => value(point, metric));
    let seen = 0;
    times.forEach((time, i) => {
      seen += count[i];
      while (marks.length && seen >= marks[0][2] * all && all >= 1 / (1 - marks[0][2])) {
        const [metric, , q] = marks.shift();
        const {min, max} = value(point, metric);
        items.push({x: 1 / (1 - q), y: time, lo: min, hi: max, mark: true, fault});
      }
      items.push({x: seen < all ? all / (all - seen) : all, y: time, fault});
    });
    return items;
  }
  function rarity(x) {
    return `${(100 - 100 / x).toFixed(Math.max(0, Math.ceil(Math.log10(x) - 2.001)))} %`;
  }

  function latencyFigure(name, list) {
    const series = list.filter((p) => p.latency).map((p) => ({
      name: named(p.transport, p.run), transport: p.transport, run: p.run, marks: true,
      items: curve(p),
    }));
    if (!hasMarks(series)) return absent(`Latency: ${name}`, 'No record arrived.');
    const most = Math.max(...series.flatMap((s) => s.items.map((i) => i.x)));
    const ticks = [2, 10, 100, 1e3, 1e4, 1e5, 1e6].filter((x) => x <= most);
    const force = unique(list.flatMap((p) => p.in_force).map((f) => f.match(/wakeup[^,]*/)?.[0]));
    return figure({
      id: `latency/${list[0].load.text}`, title: `Latency: ${name}`, list, metrics: LATENCY,
      how: 'Lower and flatter is better. From the time a record was due until the program had ' +
        'it; further right are the slower records, each line ends at its slowest. ' +
        `${list[0].load.text}; ${force.filter(Boolean).join(' or ') || 'policy as named'}.`,
      spec: {
        kind: 'lines', series,
        x: {
          log: true, title: 'share of the records', text: rarity, ticks, min: 1, max: most * 1.15,
        },
        y: {log: true, title: 'latency, at most', text: format.time},
      },
    });
  }
  function latency() {
    const all = points('latency');
    if (!all.length)
      return [absent('Latency', 'Latency was not measured in this run.')];
    const loads = unique(all.map((p) => p.load.text));
    const name = (l) => {
      if (l.share) return `at ${format.percent(l.share)} of its own capacity`;
      if (!l.rate) return 'at the rate of its traffic';
      return `${format.count(l.rate)}${l.rate >= 1000 ? '' : ' '}/s`;
    };
    const made = loads.map((text) => {
      const list = all.filter((p) => p.load.text === text);
      return latencyFigure(name(list[0].load), list);
    });
    const rates = all.filter((p) => p.load.rate > 0);
    if (unique(rates.map((p) => p.load.rate)).length > 1) made.unshift(rateFigure(rates));
    return made;
  }
  function rateFigure(list) {
    return lineFigure({
      id: 'latency-rate', title: 'Latency: p99 by rate', list, metric: 'latency.p99',
      metrics: LATENCY,
      how: 'Lower is better. 99 of 100 of the records that arrived did so within this time.',
      at: (l) => l.rate, x: {title: 'records per second', text: format.count},
      y: {log: true, title: 'p99', text: format.time}, missing: 'It was not measured.',
    });
  }

  // ---- each side alone, and the highest rate without loss

  function limits() {
    const alone = points('producer', (l) => l.cpus <= 1);
    const lossless = points('lossless');
    const made = [];
    const bytes = alone.at(-1)?.load.bytes;
    if (!alone.length) made.push(absent('Each side alone', 'It was not measured in this run.'));
    else
      made.push(dotFigure({
        id: 'producer', title: 'Each side alone: what one record costs',
        list: alone.filter((p) => p.load.bytes === bytes),
        metrics: [['producer.alone', 'to emit'], ['consumer.alone', 'to read'],
          ['accepted', 'accepted']],
        how: `Further left is cheaper. A record of ${format.bytes(bytes)} is emitted while nobody ` +
          'reads, and read while nobody emits.',
        marks: [['to emit', pick('producer.alone')], ['to read', pick('consumer.alone')]],
        x: {title: 'time of one record', text: format.time}, missing: 'It was not measured.',
      }));
    if (!lossless.length)
      made.push(absent('Highest rate without loss', 'It was not measured in this run.'));
    else
      made.push(dotFigure({
        id: 'lossless', title: 'Highest rate without loss', list: lossless,
        metrics: [['lossless', 'records per second']],
        how: 'Further right is better. The producer emits on schedule, and goes faster until ' +
          'something is lost.',
        marks: unique(lossless.map((p) => p.load.bytes)).sort(byNumber).map((n) =>
          [format.bytes(n), pick('lossless', (l) => l.bytes === n)]),
        x: {title: 'records per second', text: format.count}, missing: 'It was not measured.',
      }));
    return made;
  }

  // ---- control

  function control() {
    const list = points('control');
    const heard = points('events');
    const made = [];
    if (!list.length) made.push(absent('Control', 'Control was not measured in this run.'));
    else
      made.push(dotFigure({
        id: 'control', title: 'Control: one change, one question', list,
        metrics: [['set.p50', 'set p50'], ['set.p99', 'set p99'], ['get.p50', 'get p50'],
          ['get.p99', 'get p99']],
        how: 'Further left is faster. Time of one call, the median of each process.',
        marks: [['change', pick('set.p50')], ['question', pick('get.p50')]],
        x: {title: 'time (median)', text: format.time}, missing: 'It was not measured.',
      }));
    if (!heard.length) made.push(absent('Events', 'Events were not measured in this run.'));
    else
      made.push(dotFigure({
        id: 'events', title: 'Events: until all have heard', list: heard,
        metrics: [['all_heard.p50', 'p50'], ['all_heard.p99', 'p99']],
        how: 'Further left is faster. From a change until the last subscriber has been told.',
        marks: unique(heard.map((p) => p.load.readers)).sort(byNumber).map((n) =>
          [`${n} subscriber${n === 1 ? '' : 's'}`, pick('all_heard.p50', (l) => l.readers === n)]),
        x: {title: 'time (median)', text: format.time}, missing: 'It was not measured.',
      }));
    return made;
  }
  return {snapshots, samples, limits, latency, control};
})();

'use strict';

const levels = ['optimal', 'degraded', 'limited', 'minimal', 'emergency'];
const hour = 3600e3;
const maxLanes = 8;
const $ = (id) => document.getElementById(id);
const dependencies = new Map(); // name → {data, row, detail, rank, visible, dirty}
let system = null;
let changes = []; // the last 1000, oldest first
let heard = 0; // when the last update came, by this clock
let skew = 0; // how far the service's clock is ahead of this one, in ms
let token = '';
let lang = localStorage.getItem('resil-lang') || (navigator.language.startsWith('es') ? 'es' : 'en');

// ---------------------------------------------------------------- words

const present = () => Date.now() + skew;

const t = (key) => texts[lang][key] ?? key;
const locale = () => (lang === 'en' ? 'en-GB' : lang); // 24 hours in both
const clock = (at) => new Date(at).toLocaleTimeString(locale());
const names = (list) => new Intl.ListFormat(locale(), { type: 'conjunction' }).format(list);
const capital = (text) => text.charAt(0).toLocaleUpperCase(lang) + text.slice(1);
const count = (n) => (n < 1000 ? n.toLocaleString(locale(), { maximumFractionDigits: n < 10 ? 1 : 0 })
  : n.toLocaleString(locale(), { notation: 'compact', maximumSignificantDigits: 3 }));
const seconds = (s) => (s === null ? '–' : s < 1 ? `${(s * 1000).toLocaleString(locale(), { maximumSignificantDigits: 2 })} ms`
  : `${s.toLocaleString(locale(), { maximumSignificantDigits: 2 })} s`);

// relative tells a moment as seen from now, in the unit a person would take.
function relative(at) {
  const s = Math.round((new Date(at) - present()) / 1000);
  const format = new Intl.RelativeTimeFormat(locale(), { style: 'short' });
  if (Math.abs(s) < 90) return format.format(s, 'second');
  if (Math.abs(s) < 90 * 60) return format.format(Math.round(s / 60), 'minute');
  return format.format(Math.round(s / 3600), 'hour');
}

// translated says what the runtime says, in the page's language.
function translated(text) {
  for (const [pattern, replacement] of texts[lang].reasons) {
    if (pattern.test(text)) return text.replace(pattern, replacement);
  }
  return text;
}

function why(cause) {
  const list = cause.dependencies ?? [];
  switch (cause.rule) {
    case 'down': return t('isDown')(names(list), list.length);
    case 'score': return t('byScore')(names(list), list.length, Math.round(cause.score), Math.round(cause.below));
    case 'stable': return t('byStable')(names(list));
    case 'forced': return t('byForced')(cause.text);
    default: return t('allUp');
  }
}

// ---------------------------------------------------------------- helpers

// set writes only what changed: a thousand rows stay smooth, and a screen
// reader is not told the same thing twice.
function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function attribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

function make(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
}

function relabel() {
  document.documentElement.lang = lang;
  $('lang').value = lang;
  for (const node of document.querySelectorAll('[data-t]')) set(node, t(node.dataset.t));
  for (const id of ['answer', 'dialog-title', 'dialog-effect']) set($(id), ''); // of what is over
  for (const entry of dependencies.values()) {
    drawRow(entry, true);
    if (entry.detail) openDetail(entry);
  }
  drawSystem();
  drawTimeline();
  drawChanges();
  applyFilter();
  tick();
}

// ---------------------------------------------------------------- the level

function drawSystem() {
  if (!system) return;
  const index = levels.indexOf(system.level) + 1;
  attribute($('level'), 'class', `level-${index}`);
  set($('level-name'), capital(t(system.level)));
  set($('level-meaning'), t('meaning')[system.level]);
  set($('level-reason'), why(system.cause));
  set($('level-since'), t('since')(clock(system.since), relative(system.since)));
  set($('level-end'), ends());
  set($('spoken'), `${capital(t(system.level))}. ${why(system.cause)}.${system.chaos ? ` ${t('chaosTitle')}: ${faults(system.chaos)}.` : ''}`);
  document.title = `${capital(t(system.level))}${system.chaos ? ` · ${t('chaosShort')}` : ''} · resil`;
  const colour = getComputedStyle($('level')).backgroundColor;
  attribute($('icon'), 'href', `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="8" fill="${colour}"/></svg>`)}`);
  const scale = $('scale');
  if (!scale.children.length) levels.forEach(() => scale.append(make('li')));
  [...scale.children].forEach((li, i) => {
    set(li, t(levels[i]));
    attribute(li, 'class', i + 1 === index ? 'on' : '');
  });
  drawNotices();
  drawChaos();
  const can = (what) => system.controls.includes(what);
  show($('controls'), can('level'));
  show(document.querySelector('[data-act=reload]'), can('reload'));
  for (const button of document.querySelectorAll('[data-act=chaos]')) {
    show(button, can('chaos'));
    set(button, t(system.chaos ? 'actChaosEnd' : 'actChaos'));
  }
  set(document.querySelector('[data-act=level]'), t(system.forced ? 'actLevelEnd' : 'actLevel'));
  set(document.querySelector('[data-act=kill]'), t(system.killed ? 'actKillEnd' : 'actKill'));
}

// ends says when full service is expected, as far as anything is known.
function ends() {
  if (system.level === 'optimal') return '';
  if (system.expected && new Date(system.expected) > present()) return t('optimalAgain')(clock(system.expected), relative(system.expected));
  if (system.expected) return t('optimalLate');
  if (system.retryAt && new Date(system.retryAt) > present()) return t('nextLook')(relative(system.retryAt));
  return '';
}

// faults says what is injected where, of a long list the beginning.
function faults(chaos) {
  const where = (f) => (f.dependency || f.method ? `${f.dependency || '*'}${f.method ? `.${f.method}` : ''}` : t('everywhere'));
  const said = [...new Set(chaos.faults.map((f) => `${t('fault')[f.kind] ?? f.kind} (${where(f)})`))];
  return said.length > 4 ? `${said.slice(0, 4).join(', ')}, ${t('more')(said.length - 4)}` : names(said);
}

function drawChaos() {
  const { chaos } = system;
  show($('chaos'), chaos !== null);
  if (!chaos) return;
  set($('chaos-what'), capital(faults(chaos)));
  set($('chaos-when'), t('chaosWhen')(clock(chaos.since), relative(chaos.since), clock(chaos.until), relative(chaos.until)));
  set($('chaos-who'), `${t('orderedBy')(chaos.reason, chaos.by)} · ${t('callsHit')(count(chaos.injected), chaos.injected)}`);
}

function drawNotices() {
  const notices = [];
  if (!system.started) notices.push(t('notStarted'));
  if (system.forced) notices.push(t('forcedNotice')(t(system.forced.to), clock(system.forced.until), t('orderedBy')(system.forced.reason, system.forced.by)));
  if (system.killed) notices.push(t('killedNotice')(clock(system.killed.until), t('orderedBy')(system.killed.reason, system.killed.by)));
  else if (system.disabled) notices.push(t('offNotice'));
  const text = notices.join('\n');
  if ($('notices').dataset.text === text) return;
  $('notices').dataset.text = text;
  $('notices').replaceChildren(...notices.map((n) => make('p', { textContent: n })));
}

// ---------------------------------------------------------------- dependencies

const columns = ['state', 'rate', 'errors', 'refused', 'p50', 'p99', 'fallbacks', 'outbox', 'back', 'steer'];
const numeric = new Set(['rate', 'errors', 'refused', 'p50', 'p99', 'fallbacks', 'outbox']);

function makeRow(name) {
  const row = make('tr');
  row.setAttribute('role', 'row');
  const head = make('th', { scope: 'row', className: 'name' });
  head.setAttribute('role', 'rowheader');
  const toggle = make('button', { type: 'button', className: 'toggle', textContent: name });
  toggle.setAttribute('aria-expanded', 'false');
  toggle.addEventListener('click', () => toggleDetail(name));
  head.append(toggle, make('span', { className: 'quiet' }));
  row.append(head);
  for (const column of columns) {
    const cell = make('td', { className: numeric.has(column) ? `n ${column}` : column });
    cell.setAttribute('role', 'cell');
    cell.append(make('span'));
    row.append(cell);
  }
  row.cells[1].append(make('span', { className: 'note gets' }), make('span', { className: 'note gets' }), make('span', { className: 'note' }));
  const button = make('button', { type: 'button' });
  button.addEventListener('click', () => ask('breaker', name));
  row.cells[columns.length].replaceChildren(button);
  return row;
}

// condition is the one word for how a dependency is, and how bad that is.
function condition(d) {
  if (d.forced) return { word: t(d.forced.to === 'open' ? 'forcedOpen' : 'forcedClosed'), kind: d.forced.to === 'open' ? 'bad' : 'odd' };
  if (d.disabled) return { word: t('off'), kind: 'odd' };
  if (d.breaker === 'open') return { word: t('open'), kind: 'bad' };
  if (d.breaker === 'half-open') return { word: t('half-open'), kind: 'odd' };
  if (!d.up) return { word: t('down'), kind: 'bad' };
  return { word: t('closed'), kind: 'good' };
}

// rank sorts what is sick to the top, the most needed first.
function rank(d) {
  const kind = condition(d).kind;
  const criticality = ['critical', 'high', 'medium', 'low'].indexOf(d.criticality);
  return (kind === 'bad' || !d.up ? 0 : kind === 'odd' ? 10 : 20) + criticality;
}

function drawRow(entry, unseen = false) {
  // A row that nobody sees waits until somebody does.
  entry.dirty = !entry.visible && !unseen;
  if (entry.dirty) return;
  const { data, row } = entry;
  columns.forEach((column, i) => attribute(row.cells[i + 1], 'data-label', /^p\d/.test(column) ? column : t(column)));
  const cell = (column) => row.cells[columns.indexOf(column) + 1].firstElementChild;
  set(row.cells[0].lastElementChild, t(data.criticality));
  attribute(row.cells[0].firstElementChild, 'title', t('details')(data.name));
  const { word, kind } = condition(data);
  attribute(row, 'class', kind);
  set(cell('state'), word);
  attribute(cell('state'), 'class', `pill ${kind}`);
  const note = data.forced ? `${clock(data.forced.until)} · ${t('orderedBy')(data.forced.reason, data.forced.by)}` : data.checkError ? `${t('checksFail')}: ${translated(data.checkError)}` : '';
  set(row.cells[1].lastElementChild, note);
  const [, reads, writes] = row.cells[1].children;
  set(reads, gets('getReads', data.now.reads));
  set(writes, gets('getWrites', data.now.writes));
  const value = (column, text, hot = false) => {
    set(cell(column), text);
    attribute(cell(column), 'class', text === '–' ? 'none' : hot ? 'hot' : '');
  };
  const share = (n) => (data.rate === 0 || n === 0 ? '–' : `${count(n * 100)} %`);
  value('rate', data.rate === 0 ? '–' : count(data.rate));
  value('errors', share(data.errors), data.errors >= 0.05);
  value('refused', share(data.refused), data.refused >= 0.05);
  for (const p of ['p50', 'p99']) value(p, seconds(data[p]));
  value('fallbacks', data.fallbacks === 0 ? '–' : count(data.fallbacks));
  value('outbox', data.outbox ? count(data.outbox) : '–', true);
  value('back', back(data));
  const button = row.cells[columns.length].firstElementChild;
  show(button, system?.controls.includes('breaker') ?? false);
  set(button, t('steer'));
  attribute(button, 'aria-label', t('steerOf')(data.name));
}

// gets says what callers get at this moment, where that is not just the client.
function gets(kind, answers) {
  const words = new Set(answers.map((what) => t(what === 'open' ? 'shed' : what)));
  return answers.some((what) => what !== 'call') ? `${t(kind)}: ${[...words].join(', ')}` : '';
}

function back(d) {
  if (d.up && d.breaker === 'closed') return '–';
  const now = present();
  if (d.expected && new Date(d.expected) > now) return relative(d.expected);
  if (d.openUntil && new Date(d.openUntil) > now) return t('probe')(relative(d.openUntil));
  return d.expected ? t('overdue') : '–';
}

// What a row shows is brought up to date when it comes into view.
const sight = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) {
    const entry = dependencies.get(target.dataset.name);
    if (!entry) continue;
    entry.visible = isIntersecting;
    if (isIntersecting && entry.dirty) drawRow(entry);
  }
}, { rootMargin: '200px' });

function receiveRow(data) {
  let entry = dependencies.get(data.name);
  if (!entry) {
    entry = { row: makeRow(data.name), detail: null, rank: -1, visible: dependencies.size < 50, dirty: true };
    entry.row.dataset.name = data.name;
    dependencies.set(data.name, entry);
    sight.observe(entry.row);
  }
  entry.data = data;
  const moved = entry.rank !== rank(data);
  entry.rank = rank(data);
  drawRow(entry);
  return moved;
}

// sortRows puts rows in order, moves only those that stand wrong, and keeps the
// keyboard where it was.
function sortRows() {
  const focus = document.activeElement;
  const order = [...dependencies.values()].sort((a, b) => a.rank - b.rank || a.data.name.localeCompare(b.data.name));
  let at = $('rows').firstElementChild;
  for (const { row, detail } of order) {
    for (const node of detail ? [row, detail] : [row]) {
      if (node === at) at = at.nextElementSibling;
      else $('rows').insertBefore(node, at);
    }
  }
  if (focus && focus !== document.activeElement && focus.isConnected) focus.focus({ preventScroll: true });
}

function applyFilter() {
  const wanted = $('filter').value.trim().toLowerCase();
  const sick = $('sick').checked;
  let shown = 0;
  for (const [name, { data, row, detail }] of dependencies) {
    const fits = (wanted === '' || name.toLowerCase().includes(wanted)) && !(sick && condition(data).kind === 'good');
    show(row, fits);
    if (detail) show(detail, fits);
    if (fits) shown++;
  }
  set($('shown'), t('shownOf')(shown, dependencies.size));
}

// ---------------------------------------------------------------- details

function toggleDetail(name) {
  const entry = dependencies.get(name);
  if (entry.detail) {
    entry.detail.remove();
    entry.detail = null;
    entry.row.cells[0].firstElementChild.setAttribute('aria-expanded', 'false');
    return;
  }
  entry.detail = make('tr', { className: 'detail' });
  entry.detail.setAttribute('role', 'row');
  entry.row.after(entry.detail);
  entry.row.cells[0].firstElementChild.setAttribute('aria-expanded', 'true');
  openDetail(entry);
}

async function openDetail(entry) {
  const cell = make('td', { colSpan: columns.length + 1 });
  cell.setAttribute('role', 'cell');
  try {
    const response = await fetch(`api/explain?dependency=${encodeURIComponent(entry.data.name)}`);
    if (!response.ok) throw new Error(await response.text());
    const facts = await response.json();
    cell.append(...detail(facts));
  } catch (error) {
    cell.append(make('p', { textContent: t('failed')(error.message) }));
  }
  entry.detail?.replaceChildren(cell);
}

function detail(facts) {
  const parts = [];
  if (facts.latest) parts.push(make('p', { textContent: changeText(facts.latest) }));
  const head = make('tr', {}, make('th', { scope: 'col', textContent: t('method') }), make('th', { scope: 'col', textContent: t('kind') }),
    ...levels.map((l) => make('th', { scope: 'col', textContent: t(l), className: l === facts.level ? 'current' : '' })), make('th', { scope: 'col', textContent: t('now') }));
  const body = make('tbody');
  for (const guard of facts.guards) {
    for (const m of guard.methods) {
      const kind = [t(m.kind), m.essential && t('essential'), m.health && t('health')].filter(Boolean).join(', ');
      body.append(make('tr', {}, make('th', { scope: 'row', textContent: m.name }), make('td', { textContent: kind }),
        ...levels.map((l) => make('td', { textContent: t(m.levels[l]), className: `${m.levels[l]} ${l === facts.level ? 'current' : ''}` })),
        make('td', { textContent: t(m.now === 'open' ? 'refusedOpen' : m.now), className: m.now })));
    }
  }
  const table = make('table', { className: 'matrix' }, make('caption', { textContent: t('whatCallersGet') }), make('thead', {}, head), body);
  parts.push(make('div', { className: 'scroll', tabIndex: 0, role: 'region', ariaLabel: t('whatCallersGet') }, table));
  const list = make('dl');
  const policy = (who, p) => list.append(make('dt', { textContent: who ? `${who} · ${p.name}` : p.name }),
    make('dd', {}, ...p.values.map((v) => make('span', { className: `value ${v.source}`, title: v.place ?? '' }, v.value, make('small', { textContent: ` ${t(v.source)}${v.place ? ` ${v.place}` : ''}` })))));
  for (const p of facts.policies) policy('', p);
  for (const guard of facts.guards) for (const m of guard.methods) for (const p of m.policies) policy(m.name, p);
  parts.push(make('details', {}, make('summary', { textContent: t('policies') }), list));
  return parts;
}

// ---------------------------------------------------------------- the last hour

function rect(className, from, to, y, height) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  const now = present();
  const values = { class: className, x: 3600 - (now - from) / 1000, width: Math.max((to - from) / 1000, 4), y, height };
  for (const [key, value] of Object.entries(values)) node.setAttribute(key, String(value));
  return node;
}

// spans cuts changes into [{from, to, state}] of the hour, beginning when the
// page's history does: before that nothing is known.
function spans(list, now, current) {
  const begin = Math.max(now - hour, new Date(system.following).getTime());
  const out = [];
  let at = begin;
  let state = list.length ? list[0].from : current;
  for (const c of list) {
    const when = Math.max(new Date(c.at).getTime(), begin);
    if (when > at) out.push({ from: at, to: when, state });
    at = when;
    state = c.to;
  }
  out.push({ from: at, to: now, state });
  return out;
}

function drawTimeline() {
  if (!system) return;
  const now = present();
  const recent = changes.filter((c) => new Date(c.at).getTime() > now - hour);
  const steps = recent.filter((c) => c.kind === 'level');
  const known = spans(steps, now, system.level);
  $('timeline').replaceChildren(rect('unknown', now - hour, known[0].from, 0, 50), ...known.map((s) => {
    const index = levels.indexOf(s.state) + 1;
    return rect(`level-${index}`, s.from, s.to, 50 - index * 10, index * 10);
  }));
  attribute($('timeline'), 'aria-label', `${t('timeline')}: ${steps.slice(-10).map((s) => `${clock(s.at)} ${t(s.to)}`).join(', ') || t(system.level)}`);
  drawLanes(recent, now);
}

// drawLanes shows one strip for each dependency that was in trouble.
function drawLanes(recent, now) {
  const trouble = new Map();
  for (const c of recent) {
    if (c.kind !== 'breaker' && c.kind !== 'health') continue;
    trouble.delete(c.dependency); // to the end: the latest comes first below
    trouble.set(c.dependency, true);
  }
  for (const { data } of dependencies.values()) if (condition(data).kind === 'bad' && !trouble.has(data.name)) trouble.set(data.name, true);
  const lanes = [...trouble.keys()].reverse().slice(0, maxLanes).sort().map((name) => {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    for (const [key, value] of Object.entries({ viewBox: '0 0 3600 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' })) svg.setAttribute(key, value);
    const data = dependencies.get(name)?.data;
    const of = (kind) => recent.filter((c) => c.kind === kind && c.dependency === name);
    for (const s of spans(of('breaker'), now, data?.breaker ?? 'closed')) {
      if (s.state !== 'closed') svg.append(rect(s.state === 'open' ? 'bad' : 'odd', s.from, s.to, 0, 10));
    }
    for (const s of spans(of('health'), now, data && !data.up && data.breaker === 'closed' ? 'down' : 'up')) {
      if (s.state === 'down') svg.append(rect('bad', s.from, s.to, 0, 10));
    }
    return make('li', {}, make('span', { textContent: name }), svg);
  });
  $('lanes').replaceChildren(...lanes);
}

function changeText(c) {
  const what = c.dependency || t('level');
  const move = c.from || c.to ? `${c.from ? t(c.from) : ''} → ${c.to ? translated(t(c.to)) : '–'}` : '';
  return [clock(c.at), what, move, c.reason && translated(c.reason)].filter(Boolean).join(' · ');
}

function drawChanges() {
  $('changes').replaceChildren(...changes.slice(-100).reverse().map((c) => make('li', { textContent: changeText(c) })));
}

// ---------------------------------------------------------------- updates

function receive(update) {
  system = update;
  heard = Date.now();
  skew = new Date(update.at) - heard;
  let sort = false;
  for (const data of update.dependencies) sort = receiveRow(data) || sort;
  if (sort) sortRows();
  if (update.changes.length) {
    changes = changes.concat(update.changes).slice(-1000);
    drawChanges();
    drawTimeline();
  }
  drawSystem();
  if (sort || update.dependencies.length) applyFilter();
}

// tick shows the passing of time: countdowns, and that nothing is heard.
function tick() {
  drawSystem();
  for (const entry of dependencies.values()) {
    if (entry.visible && condition(entry.data).kind !== 'good') drawRow(entry);
  }
  const lost = !heard || Date.now() - heard > 5000;
  document.body.classList.toggle('stale', lost && heard !== 0);
  set($('link'), lost ? (heard ? t('lost')(clock(heard + skew)) : t('connecting')) : t('live'));
}

// ---------------------------------------------------------------- control

let asked = null; // {path, body()} of the open dialog

// ask opens the dialog for one kind of control.
function ask(what, name) {
  const forced = dependencies.get(name)?.data.forced;
  const choices = {
    level: system.forced ? [] : levels,
    breaker: forced ? ['doRelease', 'doReset'] : ['doOpen', 'doClosed', 'doReset'],
    kill: [], reload: [], chaos: [],
  }[what];
  $('what').replaceChildren(...choices.map((c) => make('option', { value: c, textContent: t(c) })));
  const ending = Boolean({ level: system.forced, kill: system.killed, chaos: system.chaos }[what]);
  set($('dialog-title'), what === 'breaker' ? t('steerOf')(name) : t({ level: ending ? 'actLevelEnd' : 'actLevel', kill: ending ? 'actKillEnd' : 'actKill', reload: 'actReload', chaos: ending ? 'actChaosEnd' : 'actChaos' }[what]).replace('…', ''));
  set($('dialog-effect'), what === 'breaker' ? t('effectBreaker')(name) : t({ level: ending ? 'effectLevelEnd' : 'effectLevel', kill: ending ? 'effectKillEnd' : 'effectKill', reload: 'effectReload', chaos: ending ? 'effectChaosEnd' : 'effectChaos' }[what]));
  asked = { what, name, ending };
  fit();
  show($('field-token'), token === '');
  $('token').required = token === '';
  set($('refusal'), '');
  $('reason').value = '';
  $('dialog').showModal();
}

// fit shows the fields that the chosen action needs.
function fit() {
  const choice = $('what').value;
  const ends = asked.ending || choice === 'doRelease';
  const lasts = !ends && asked.what !== 'reload' && choice !== 'doReset';
  show($('field-what'), $('what').options.length > 0);
  show($('field-ttl'), lasts);
  show($('field-reason'), !ends);
  $('reason').required = !ends;
}

function order() {
  const { what, name, ending } = asked;
  const choice = $('what').value;
  const body = { ttl: $('field-ttl').hidden ? '' : $('ttl').value, reason: $('field-reason').hidden ? '' : $('reason').value };
  switch (what) {
    case 'level': return ['api/force/level', { ...body, level: ending ? '' : choice }];
    case 'kill': return ['api/kill', { ...body, on: !ending }];
    case 'reload': return ['api/reload', body];
    case 'chaos': return ['api/chaos', { ...body, on: !ending }];
    default:
      if (choice === 'doReset') return ['api/reset', { ...body, dependency: name }];
      return ['api/force/breaker', { ...body, dependency: name, state: { doOpen: 'open', doClosed: 'closed', doRelease: '' }[choice] }];
  }
}

async function send() {
  const [path, body] = order();
  const given = token || $('token').value;
  let refusal = '';
  try {
    const response = await fetch(path, {
      method: 'POST', headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${given}` }, body: JSON.stringify(body),
    });
    if (response.ok) token = given; // kept until the page is left, and nowhere else
    if (response.status === 401) {
      token = '';
      show($('field-token'), true);
      refusal = t('unauthorized');
    } else if (response.status === 403) refusal = t('noControl');
    else if (!response.ok) refusal = t('failed')(translated((await response.text()).trim()));
  } catch (error) {
    refusal = t('failed')(error.message);
  }
  set($('refusal'), refusal);
  if (refusal) return;
  $('dialog').close();
  set($('answer'), t('done'));
  setTimeout(() => set($('answer'), ''), 5000);
}

$('order').addEventListener('submit', (event) => {
  event.preventDefault();
  send();
});
$('what').addEventListener('change', fit);
$('cancel').addEventListener('click', () => $('dialog').close());
for (const button of document.querySelectorAll('[data-act]')) button.addEventListener('click', () => ask(button.dataset.act));
$('lang').addEventListener('change', (event) => {
  lang = event.target.value;
  localStorage.setItem('resil-lang', lang);
  relabel();
});
$('filter').addEventListener('input', applyFilter);
$('sick').addEventListener('change', applyFilter);

let source = null;

// follow listens to the service. A browser comes back by itself after a lost
// connection, but not after an answer like 502 or 503: a proxy's while the
// service restarts, or ours while too many watch.
function follow() {
  source = new EventSource('api/events');
  source.addEventListener('open', () => { changes = []; });
  source.addEventListener('update', (event) => {
    receive(JSON.parse(event.data));
    tick();
  });
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, 3000);
  });
}

follow();
setInterval(tick, 1000);
setInterval(drawTimeline, 5000);
relabel();

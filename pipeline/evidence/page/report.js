"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const PAGE = 100, NUMBERS = new Set(["confidence", "looks", "bytes_read", "full_scan_bytes", "seconds"]);
const DEPTHS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"];
const column = Object.fromEntries(data.columns.map((name, index) => [name, index]));
const shown = ["sample_id", "status", "label", "true_label", "confidence", "looks", "bytes_read", "full_scan_bytes", "seconds"];
const byId = (id) => document.getElementById(id);
const state = { sort: null, down: false, page: 0, open: null };

function make(tag, text, attributes = {}) {
  const node = document.createElement(tag);
  if (text !== null && text !== undefined) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
function draw(tag, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}
function bytes(count) {
  if (count === null || count === undefined) return "?";
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (Math.abs(count) < 1000) return count.toFixed(unit === "B" ? 0 : 1) + " " + unit;
    count /= 1000;
  }
  return count.toFixed(1) + " TB";
}
const percent = (share, digits = 1) => (100 * share).toFixed(digits) + " %";
const whole = (count) => count.toLocaleString("en");

function showHeading() {
  byId("heading").textContent = "foveate: " + data.title;
  const facts = data.facts;
  byId("subtitle").textContent = [facts.model, facts.started, (facts.arguments || []).join(" ")].filter(Boolean).join(" · ");
  if (facts.is_trained === false) {
    byId("warning").hidden = false;
    byId("warning").textContent = "The model is untrained: its weights are random numbers. Every label and confidence here is meaningless.";
  }
  const names = Object.entries(facts.versions || {}).map(([name, version]) => name + " " + version);
  byId("footer").textContent = "Pictures were read for this page afterwards; what that cost is in no ledger. " + names.join(", ");
}
function showTotals() {
  const totals = data.totals, list = byId("totals");
  const add = (name, text, small) => {
    const box = make("div"), value = make("dd", text);
    box.append(make("dt", name), value);
    if (small) value.append(make("small", small));
    list.append(box);
  };
  const states = Object.entries(totals.status).map(([name, count]) => count + " " + name).join(", ");
  add("images", whole(data.rows.length), states);
  if (totals.labelled) add("accuracy", percent(totals.right / totals.labelled), totals.right + " of " + totals.labelled + " labelled");
  add("looks", whole(totals.looks), (totals.looks / Math.max(1, data.rows.length)).toFixed(1) + " an image");
  add("bytes read", bytes(totals.bytes_read));
  if (totals.full_scan_bytes) add("of a full scan", percent(totals.compared_bytes / totals.full_scan_bytes, 2), bytes(totals.full_scan_bytes) + " at the finest level used");
  if (data.facts.seconds >= 1) add("time", data.facts.seconds.toFixed(0) + " s", "start-up included; of all runs, where it was resumed");
}
function showCurve() {
  const { looks, shares, is_accuracy, images } = data.curve;
  byId("curve-title").textContent = (is_accuracy ? "Accuracy" : "Agreement with the last look") + " after so many looks (" + images + (images === 1 ? " image)" : " images)");
  const width = 460, height = 210, left = 42, bottom = 26, top = 10, right = 12;
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": shares.map((share, at) => `${looks[at]} looks ${percent(share)}`).filter((_, at) => at === 0 || at === shares.length - 1).join(", ") });
  const x = (at) => left + (shares.length < 2 ? 0 : ((looks[at] - 1) / (looks[looks.length - 1] - 1)) * (width - left - right));
  const y = (share) => top + (1 - share) * (height - top - bottom);
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    svg.append(draw("line", { x1: left, x2: width - right, y1: y(share), y2: y(share), stroke: "#d5dbe1" }));
    svg.append(draw("text", { x: left - 6, y: y(share) + 4, "text-anchor": "end" }, percent(share, 0)));
  }
  svg.append(draw("polyline", { points: shares.map((share, at) => x(at) + "," + y(share)).join(" "), fill: "none", stroke: "#0072b2", "stroke-width": 2 }));
  shares.forEach((share, at) => {
    const dot = draw("circle", { cx: x(at), cy: y(share), r: shares.length > 60 ? 1 : 2.5, fill: "#0072b2" });
    dot.append(draw("title", {}, `${looks[at]} looks: ${percent(share)}`));
    svg.append(dot);
  });
  const step = Math.max(1, Math.ceil(shares.length / 8));
  shares.forEach((_, at) => { if (at % step === 0) svg.append(draw("text", { x: x(at), y: height - 8, "text-anchor": "middle" }, whole(looks[at]))); });
  byId("curve").append(svg);
}
function showLevels() {
  const rows = data.levels, width = 460, line = 30, left = 70, right = 150;
  const svg = draw("svg", { viewBox: `0 0 ${width} ${Math.max(1, rows.length) * line + 4}`, role: "img", "aria-label": "bytes by level" });
  const most = Math.max(1, ...rows.map((row) => Math.max(row.read, row.stored)));
  rows.forEach((row, at) => {
    const y = at * line, scale = (count) => (count / most) * (width - left - right);
    svg.append(draw("text", { x: left - 8, y: y + 17, "text-anchor": "end" }, row.level < 0 ? "header" : "level " + row.level));
    svg.append(draw("rect", { x: left, y: y + 3, width: Math.max(1, scale(row.stored)), height: 10, fill: "#d5dbe1" }));
    svg.append(draw("rect", { x: left, y: y + 14, width: Math.max(row.read ? 1 : 0, scale(row.read)), height: 10, fill: "#0072b2" }));
    svg.append(draw("text", { x: left + Math.max(scale(row.stored), scale(row.read)) + 6, y: y + 18 }, bytes(row.read) + (row.level < 0 ? "" : " of " + bytes(row.stored))));
  });
  byId("levels").append(svg);
}
function plainTable(columns, rows) {
  const table = make("table"), head = make("tr"), body = make("tbody");
  columns.forEach((name) => head.append(make("th", name, { scope: "col" })));
  rows.forEach((row) => {
    const line = make("tr");
    row.forEach((value) => {
      const isNumber = typeof value === "number";
      const text = value === null ? "" : isNumber ? (Number.isInteger(value) ? whole(value) : value.toPrecision(4)) : String(value);
      line.append(make("td", text, isNumber ? { class: "number" } : {}));
    });
    body.append(line);
  });
  const thead = make("thead");
  thead.append(head);
  table.append(thead, body);
  const scroll = make("div", null, { class: "scroll" });
  scroll.append(table);
  return scroll;
}
function savingsTable(table) {
  const at = (name) => table.columns.indexOf(name);
  const band = (row, name, show) => row[at(name)] === null ? "" : row[at(name + "_low")] === row[at(name + "_high")] ? show(row[at(name)]) : show(row[at(name)]) + " [" + show(row[at(name + "_low")]) + ", " + show(row[at(name + "_high")]) + "]";
  const rows = table.rows.map((row) => [
    row[at("way")] + (row[at("is_run")] ? "" : " (from the index)"), row[at("budget")], row[at("num_images")],
    band(row, "accuracy", (v) => percent(v)), band(row, "agreement", (v) => percent(v)), band(row, "bytes_read", bytes),
    row[at("looks")] === null ? null : Math.round(row[at("looks")]), row[at("tiles")] === null ? null : Math.round(row[at("tiles")]),
  ]);
  return plainTable(["way", "budget", "images", "accuracy", "agrees with the full scan", "bytes an image", "looks", "tiles"], rows);
}
function showSide() {
  const titles = { savings_summary: "What attention saved", costs: "Costs", audit: "Audit: walk against full scan" };
  for (const [name, table] of Object.entries(data.tables)) {
    const section = make("section");
    section.append(make("h2", titles[name] || name), name === "savings_summary" ? savingsTable(table) : plainTable(table.columns, table.rows));
    if (table.num_rows > table.rows.length) section.append(make("p", `The first ${table.rows.length} of ${table.num_rows}.`, { class: "hint" }));
    byId("side").append(section);
  }
}
function isJudged(row) { return row[column.label] !== null && data.classes.includes(row[column.true_label]); }
function isWrong(row) { return isJudged(row) && row[column.label] !== row[column.true_label]; }
const CHOICES = {
  all: () => true,
  wrong: isWrong,
  failed: (row) => row[column.status] === "failed",
  degraded: (row) => row[column.status] === "degraded",
  pictured: (row) => row[column.sample_id] in data.details,
};
function chosenRows() {
  const text = byId("find").value.trim().toLowerCase(), choice = CHOICES[byId("which").value];
  const hits = (row) => !text || ["sample_id", "label", "true_label", "image_path", "error"].some((name) => String(row[column[name]] ?? "").toLowerCase().includes(text));
  const rows = data.rows.filter((row) => choice(row) && hits(row));
  if (state.sort) {
    const at = column[state.sort], sign = state.down ? -1 : 1;
    rows.sort((one, other) => {
      const [a, b] = [one[at], other[at]];
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
    });
  }
  return rows;
}
function cell(row, name) {
  const value = row[column[name]], number = NUMBERS.has(name);
  let text = value;
  if (name === "confidence" && value !== null) text = value.toFixed(3);
  if (name === "bytes_read" || name === "full_scan_bytes") text = value === null ? "" : bytes(value);
  if (name === "seconds" && value !== null) text = value.toFixed(2);
  const node = make("td", text === null ? "" : text, number ? { class: "number" } : {});
  if (name === "label" && isJudged(row)) node.className = isWrong(row) ? "wrong" : "right";
  if (name === "status" && value === "failed") { node.className = "failed"; node.title = row[column.error] || ""; }
  return node;
}
function showRows() {
  const rows = chosenRows(), last = Math.max(0, Math.ceil(rows.length / PAGE) - 1);
  state.page = Math.min(state.page, last);
  const body = byId("body");
  body.replaceChildren();
  for (const row of rows.slice(state.page * PAGE, (state.page + 1) * PAGE)) {
    const line = make("tr", null, { tabindex: "0", "data-id": row[column.sample_id], "aria-label": "open " + row[column.sample_id] });
    if (row[column.sample_id] === state.open) line.className = "open";
    shown.forEach((name) => line.append(cell(row, name)));
    body.append(line);
  }
  byId("count").textContent = rows.length === data.rows.length ? whole(rows.length) + " images" : whole(rows.length) + " of " + whole(data.rows.length) + " images";
  byId("page").textContent = `page ${state.page + 1} of ${last + 1}`;
  byId("previous").disabled = state.page === 0;
  byId("next").disabled = state.page === last;
}
function showHead() {
  const head = byId("head");
  head.replaceChildren();
  for (const name of shown) {
    const th = make("th", null, { scope: "col" });
    if (NUMBERS.has(name)) th.className = "number";
    th.setAttribute("aria-sort", state.sort === name ? (state.down ? "descending" : "ascending") : "none");
    const button = make("button", name.replaceAll("_", " "), { type: "button" });
    button.addEventListener("click", () => {
      state.down = state.sort === name ? !state.down : NUMBERS.has(name);
      state.sort = name;
      showHead();
      showRows();
      head.children[shown.indexOf(name)].firstChild.focus();
    });
    th.append(button);
    head.append(th);
  }
}
function shade(all, holes) {
  // A mask and not a path with holes in it: where two looks overlap, such a path would be filled again.
  const mask = draw("mask", { id: "looked-at" });
  mask.append(draw("path", { d: all, fill: "#fff" }), draw("path", { d: holes, fill: "#000" }));
  return [mask, draw("path", { d: all, fill: "#000", "fill-opacity": 0.28, mask: "url(#looked-at)" })];
}
function overview(detail) {
  const box = make("div", null, { class: "overview" });
  const { width_px: w, height_px: h } = detail;
  if (detail.overview) box.append(make("img", null, { src: detail.overview, alt: "the whole image" }));
  const svg = draw("svg", { viewBox: `0 0 ${w} ${h}`, preserveAspectRatio: "none" });
  if (!detail.overview) { box.style.aspectRatio = `${w} / ${h}`; }
  const stroke = Math.max(w, h) / 220, deepest = Math.max(...detail.looks.map((look) => look[4]));
  const holes = detail.looks.filter((look) => look[4] === deepest && deepest > 0).map(([y, x, rows, cols]) => `M${x} ${y}h${cols}v${rows}h${-cols}z`).join("");
  if (holes) svg.append(...shade(`M0 0H${w}V${h}H0z`, holes));
  const centres = detail.looks.filter((look) => look[4] > 0).map(([y, x, rows, cols]) => [x + cols / 2, y + rows / 2]);
  if (centres.length > 1) svg.append(draw("polyline", { points: centres.map((at) => at.join(",")).join(" "), fill: "none", stroke: "#fff", "stroke-opacity": 0.65, "stroke-width": stroke / 2 }));
  detail.looks.forEach(([y, x, rows, cols, depth], at) => {
    const side = Math.max(cols, rows, stroke * 3);
    const frame = draw("rect", { x: x + cols / 2 - Math.max(cols, stroke * 3) / 2, y: y + rows / 2 - Math.max(rows, stroke * 3) / 2, width: Math.max(cols, stroke * 3), height: Math.max(rows, stroke * 3), fill: "transparent", stroke: DEPTHS[depth % DEPTHS.length], "stroke-width": depth ? stroke : stroke / 2, "data-look": at, "data-side": side });
    frame.append(draw("title", {}, `look ${at + 1}, depth ${depth}`));
    frame.addEventListener("mouseenter", () => light(at));
    svg.append(frame);
  });
  box.append(svg);
  return box;
}
function light(at) {
  document.querySelectorAll(".looks li").forEach((item) => item.classList.toggle("lit", Number(item.dataset.look) === at));
}
function looksList(detail) {
  const list = make("ol", null, { class: "looks" });
  const order = detail.looks.map((_, at) => at).sort((one, other) => (detail.looks[one][4] === 0) - (detail.looks[other][4] === 0) || one - other);
  order.forEach((at) => {
    const [, , , , depth, level, label, confidence, read] = detail.looks[at];
    const picture = detail.pictures[at];
    if (!picture && label !== null && Object.keys(detail.pictures).length) return;
    const item = make("li", null, { "data-look": at });
    if (picture) item.append(make("img", null, { src: picture, alt: `look ${at + 1}`, loading: "lazy" }));
    const before = at ? detail.looks[at - 1][6] : null;
    const changed = at && label !== before ? " (was " + (before ?? "nothing") + ")" : "";
    item.append(make("div", `${at + 1}. depth ${depth}, level ${level ?? "-"}`));
    item.append(make("strong", label === null ? "could not be read" : `${label} ${confidence.toFixed(2)}`));
    item.append(make("div", changed), make("div", bytes(read) + " so far"));
    if (detail.explained) item.append(...lookValues(detail, at));
    list.append(item);
  });
  return list;
}
function confidenceCurve(detail) {
  const width = 460, height = 110, values = detail.looks.map((look) => look[7] ?? 0);
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "confidence after each look" });
  const x = (at) => 34 + (values.length < 2 ? 0 : (at / (values.length - 1)) * (width - 44)), y = (value) => 8 + (1 - value) * (height - 26);
  for (const value of [0, 0.5, 1]) {
    svg.append(draw("line", { x1: 34, x2: width - 10, y1: y(value), y2: y(value), stroke: "#d5dbe1" }), draw("text", { x: 28, y: y(value) + 4, "text-anchor": "end" }, value));
  }
  svg.append(draw("polyline", { points: values.map((value, at) => x(at) + "," + y(value)).join(" "), fill: "none", stroke: "#0072b2", "stroke-width": 2 }));
  detail.looks.forEach((look, at) => {
    if (!at || look[6] !== detail.looks[at - 1][6]) svg.append(draw("circle", { cx: x(at), cy: y(values[at]), r: 3.5, fill: "#d55e00" }), draw("text", { x: x(at), y: height - 4, "text-anchor": "middle" }, look[6] ?? "-"));
  });
  return svg;
}
function open(id) {
  const row = data.rows.find((one) => one[column.sample_id] === id), panel = byId("detail"), detail = data.details[id];
  state.open = id;
  panel.hidden = false;
  panel.replaceChildren(make("h2", id));
  const close = make("button", "close", { type: "button" });
  close.addEventListener("click", shut);
  panel.append(close, make("p", row[column.image_path], { class: "hint" }));
  if (row[column.error]) panel.append(make("p", row[column.error], { class: "failed" }));
  if (!detail) {
    panel.append(make("p", "This page holds no pictures of this image: it has them for the images that tell most (wrong, degraded, least sure) as far as there is room. Its looks are in glimpses/."));
  } else {
    if (detail.problem) panel.append(make("p", "No pictures: " + detail.problem, { class: "hint" }));
    const walk = make("div", null, { class: "walk" });
    const left = make("div");
    const box = overview(detail);
    left.append(box);
    if (detail.explained) left.append(layerChooser(detail, box));
    if (detail.unseen !== null) left.append(make("p", percent(detail.unseen, 2) + " of the image was not looked at from its finest level used (shaded). Frames: blue depth 0, orange 1, green 2, pink 3, light blue 4, red 5.", { class: "hint" }));
    left.append(make("h3", "Confidence after each look; dots where the label changes"), confidenceCurve(detail));
    const right = make("div");
    right.append(looksList(detail));
    const pictured = Object.keys(detail.pictures).length;
    if (pictured && pictured < detail.num_looks) right.append(make("p", `${pictured} of ${detail.num_looks} looks are pictured: those that the walk chose, before its first ones.`, { class: "hint" }));
    if (detail.num_looks > detail.looks.length) right.append(make("p", `The first ${detail.looks.length} of ${detail.num_looks} looks.`, { class: "hint" }));
    walk.append(left, right);
    panel.append(walk);
    if (detail.explained && detail.explained.windows.length) panel.append(insideLooks(detail, row[column.label]));
    panel.append(make("h3", "Ledger"));
    const ledger = detail.ledger.map(([level, tiles, tilesAll, pixels, pixelsAll, read, stored, requests]) => [level === null ? "header" : "level " + level, tiles, tilesAll, pixels, pixelsAll, bytes(read), level === null ? "" : bytes(stored), requests]);
    panel.append(plainTable(["", "tiles read", "of", "pixels shown", "of", "bytes read", "stored", "requests"], ledger));
  }
  showRows();
  panel.focus();
  panel.scrollIntoView({ block: "start" });
}
function shut() {
  const id = state.open;
  state.open = null;
  byId("detail").hidden = true;
  showRows();
  const line = [...byId("body").children].find((one) => one.dataset.id === id);
  if (line) line.focus();
}
function listen() {
  const counts = Object.entries(CHOICES).map(([name, choice]) => [name, data.rows.filter(choice).length]);
  counts.forEach(([name, count]) => { if (count) byId("which").append(make("option", `${name} (${count})`, { value: name })); });
  for (const id of ["find", "which"]) byId(id).addEventListener("input", () => { state.page = 0; showRows(); });
  byId("previous").addEventListener("click", () => { state.page -= 1; showRows(); });
  byId("next").addEventListener("click", () => { state.page += 1; showRows(); });
  byId("body").addEventListener("click", (event) => { const line = event.target.closest("tr"); if (line) open(line.dataset.id); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && state.open !== null) { shut(); return; }
    const line = event.target.closest ? event.target.closest("#body tr") : null;
    if (!line) return;
    if (event.key === "Enter") open(line.dataset.id);
    const next = event.key === "ArrowDown" ? line.nextElementSibling : event.key === "ArrowUp" ? line.previousElementSibling : null;
    if (next) { event.preventDefault(); next.focus(); }
  });
}
showHeading(); showTotals(); showCurve(); showLevels(); showSide(); listen(); showHead(); showRows();

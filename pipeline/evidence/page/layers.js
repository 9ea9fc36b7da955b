"use strict";
// What made the model say so: a map over the overview, one at a time (two colours on top of each other cannot be read), and maps inside looks.
const chosen = { layer: null, strength: 1, frames: true, large: false };
const short = (value) => Number(value.toPrecision(3)).toString();
const signed = (value) => (value > 0 ? "+" : "") + short(value);

function scaleOf(name, largest, unit) {
  const { legend, is_signed } = data.methods[name];
  const box = make("div", null, { class: "scale" }), bar = make("span");
  bar.style.backgroundImage = `linear-gradient(to right, ${legend.join(", ")})`;
  box.append(make("b", is_signed ? signed(-largest) : "0"), bar, make("b", is_signed ? signed(largest) : short(largest)), make("i", unit));
  return box;
}
function layerChooser(detail, box) {
  const part = make("div", null, { class: "layers" }), group = make("fieldset"), told = make("div");
  const layers = detail.explained.layers.filter(([, picture]) => picture);
  const names = layers.map(([name]) => name);
  if (chosen.layer === null && names.length) chosen.layer = names.includes("evidence") ? "evidence" : names[0];
  const map = make("img", null, { class: "map", alt: "" });
  const frames = box.querySelector("svg");
  box.insertBefore(map, frames);
  const show = () => {
    const layer = layers.find(([name]) => name === chosen.layer);
    map.hidden = !layer;
    box.classList.toggle("mapped", Boolean(layer));
    box.classList.toggle("bare", !chosen.frames);
    byId("detail").classList.toggle("large", chosen.large);
    map.style.opacity = chosen.strength;
    told.replaceChildren();
    if (!layer) return;
    const [name, picture, largest, unit] = layer;
    map.src = picture;
    map.alt = data.methods[name].title;
    told.append(make("p", data.methods[name].caption, { class: "hint" }), scaleOf(name, largest, unit));
  };
  group.append(make("legend", "Map"));
  for (const name of [...names, "none"]) {
    const label = make("label"), radio = make("input", null, { type: "radio", name: "layer", value: name });
    radio.checked = name === chosen.layer || (name === "none" && !names.includes(chosen.layer));
    radio.addEventListener("change", () => { chosen.layer = name; show(); });
    label.append(radio, " " + (name === "none" ? "none" : data.methods[name].title));
    group.append(label);
  }
  const frame = make("label"), tick = make("input", null, { type: "checkbox" });
  tick.checked = chosen.frames;
  tick.addEventListener("change", () => { chosen.frames = tick.checked; show(); });
  frame.append(tick, " frames of the looks");
  const large = make("label"), spread = make("input", null, { type: "checkbox" });
  spread.checked = chosen.large;
  spread.addEventListener("change", () => { chosen.large = spread.checked; show(); });
  large.append(spread, " large");
  const strong = make("label", "strength "), slider = make("input", null, { type: "range", min: "0.2", max: "1", step: "0.1", value: chosen.strength });
  slider.addEventListener("input", () => { chosen.strength = Number(slider.value); show(); });
  strong.append(slider);
  group.append(frame, large, strong);
  if (names.length) part.append(group, told, make("p", "A look smaller than 1 part in 75 of the image's longer side is drawn that large.", { class: "hint" }));
  if (detail.explained.remark) part.append(make("p", detail.explained.remark, { class: "hint" }));
  detail.explained.layers.filter(([, , , , problem]) => problem).forEach(([, , , , problem]) => part.append(make("p", problem, { class: "hint" })));
  show();
  return part;
}
function lookValues(detail, at) {
  const { evidence, weights } = detail.explained.values, lines = [];
  if (evidence && at in evidence) lines.push(make("div", "evidence " + signed(evidence[at])));
  if (weights && at in weights) lines.push(make("div", "weight " + percent(weights[at])));
  return lines;
}
function insideLooks(detail, label) {
  const part = make("section"), list = make("div", null, { class: "inside" });
  part.append(make("h3", `Inside the looks that said most for ${label}`));
  for (const [at, picture, maps] of detail.explained.windows) {
    const figure = make("figure"), row = make("div");
    const values = lookValues(detail, at).map((line) => line.textContent).join(", ");
    figure.append(make("figcaption", `look ${at + 1}${values ? ": " + values : ""}`), row);
    for (const [name, map] of [[null, null], ...Object.entries(maps)]) {
      const window = make("div", null, { class: map ? "window mapped" : "window" });
      if (picture) window.append(make("img", null, { src: picture, alt: `look ${at + 1}`, loading: "lazy" }));
      if (map) window.append(make("img", null, { class: "map", src: map, alt: data.methods[name].title }));
      row.append(window);
    }
    list.append(figure);
  }
  part.append(list);
  for (const [name, picture, largest, unit] of detail.explained.layers) {
    if (picture && data.methods[name].is_inside) part.append(make("p", `${data.methods[name].title}: ${data.methods[name].caption}`, { class: "hint" }), scaleOf(name, largest, unit));
  }
  return part;
}

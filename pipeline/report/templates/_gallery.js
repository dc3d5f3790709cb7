"use strict";
// The photos: sorted and filtered as data; cards are made in blocks as one scrolls, and their
// pictures exist only near the window, so that thousands of photos stay quick.
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const BLOCK = 60, NEAR = "1000px 0px";
const COLOURS = { mask: [0, 158, 115], extra: [213, 94, 0], missing: [0, 114, 178], out: [255, 255, 255] };
const at = (id) => document.getElementById(id);
const made = (id) => at(id).content.firstElementChild.cloneNode(true);
const element = (tag, text, parent) => {
  const node = document.createElement(tag);
  node.textContent = text;
  if (parent) parent.append(node);
  return node;
};
const shown = (value, signed) => {
  if (value === null) return "–";
  const text = Math.abs(value) < 10 ? value.toFixed(3) : String(Number(value.toPrecision(4)));
  return (signed && value > 0 ? "+" : "") + text.replace("-", "−");
};

// ---- which photos, in which order
const worstIsHigh = (field) => data.fields[field].better === "lower";

function rank(photo, field) {
  const value = photo.v[field];
  if (value !== null) return value;
  const { better, descending } = data.fields[field];
  if (!photo.r || !(better || descending)) return NaN;
  return descending || (photo.r > 0) === (better === "higher") ? Infinity : -Infinity;
}

function chosen() {
  const words = at("text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const range = Number(at("range").value);
  const [least, below] = [at("least").value, at("below").value];
  const wanted = [...document.querySelectorAll("#tag-filters select")].map((select) => select.value);
  return data.photos.map((photo, index) => index).filter((index) => {
    const photo = data.photos[index];
    const told = [photo.n, ...photo.t].join("\n").toLowerCase();
    if (!words.every((word) => told.includes(word))) return false;
    if (!wanted.every((value, tag) => value === "" || photo.t[tag] === value.slice(1))) return false;
    if (least === "" && below === "") return true;
    const value = rank(photo, range);
    return !Number.isNaN(value) && (least === "" || value >= +least) && (below === "" || value < +below);
  });
}

function sorted(indices) {
  const field = at("sort").value, last = at("order").value === "last";
  if (field === "name") return last ? indices.reverse() : indices;
  const sign = (worstIsHigh(+field) || data.fields[field].descending ? -1 : 1) * (last ? -1 : 1);
  const keys = new Map(indices.map((index) => [index, rank(data.photos[index], +field)]));
  return indices.sort((a, b) => {
    const [x, y] = [keys.get(a), keys.get(b)];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a - b;
    return x === y ? a - b : x < y ? -sign : sign;
  });
}

// ---- cards
const live = new Map();  // card -> its stage, once it is near the window
const soon = new WeakMap();  // card -> the timer that will show it
let order = [], drawn = 0;

const near = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    clearTimeout(soon.get(target));  // what flies past is never decoded
    if (isIntersecting) soon.set(target, setTimeout(show, 60, target));
    else release(target);
  }
}, { rootMargin: NEAR });
const end = new IntersectionObserver((entries) => {
  if (entries.some((entry) => entry.isIntersecting)) more();
}, { rootMargin: NEAR });

function redraw() {
  near.disconnect();
  live.clear();
  order = sorted(chosen());
  drawn = 0;
  at("photos").replaceChildren();
  at("count").textContent = `${order.length} of ${data.photos.length} photos`;
  more();
}

function more() {
  const block = order.slice(drawn, drawn + BLOCK).map(card);
  drawn += block.length;
  at("photos").append(...block);
  block.forEach((node) => near.observe(node));
  end.unobserve(at("end"));  // observing anew reports anew, if the end is still in sight
  if (drawn < order.length) end.observe(at("end"));
}

function card(index) {
  const photo = data.photos[index], node = made("card"), told = node.querySelector(".told");
  node.dataset.index = index;
  node.dataset.view = at("view").value;
  node.dataset.cut = 50;
  node.querySelector("h3").textContent = photo.n;
  if (photo.s) element("span", photo.s, told).className = "flag";
  for (const [heads, rows] of [[data.heads, data.rows], [[], data.more]]) {
    const known = rows.filter(([, fields]) => fields.some((field) => photo.v[field] !== null));
    if (known.length) told.append(table(photo, heads, known));
  }
  const tags = document.createElement("div");
  tags.className = "tags";
  photo.t.forEach((value, tag) => {
    if (value === null || value === photo.s) return;
    const button = element("button", value, tags);
    button.type = "button";
    button.title = `only ${data.tags[tag]}: ${value}`;
    button.addEventListener("click", () => {
      document.querySelectorAll("#tag-filters select")[tag].value = "=" + value;
      redraw();
      at("controls").scrollIntoView();
    });
  });
  if (tags.firstChild) told.append(tags);
  const views = node.querySelector(".views");
  if (!photo.p) {
    views.remove();
    node.querySelector(".frame").remove();
    return node;
  }
  data.views.forEach((view, number) => {
    const label = element("label", "", views), input = element("input", "", label);
    Object.assign(input, { type: "radio", name: "view-" + index, value: number, className: "unseen" });
    input.checked = node.dataset.view === String(number);
    element("span", view.label, label);
    input.addEventListener("change", () => { node.dataset.view = number; paint(node); });
  });
  return node;
}

function table(photo, heads, rows) {
  const node = document.createElement("table");
  if (heads.length) {
    const head = element("tr", "", element("thead", "", node));
    heads.forEach((text) => { element("th", text, head).scope = "col"; });
  } else node.className = "pairs";
  const body = element("tbody", "", node);
  rows.forEach(([label, fields]) => {
    const row = element("tr", "", body);
    element("th", label, row).scope = "row";
    fields.forEach((field) => {
      const value = photo.v[field], { signed, better } = data.fields[field];
      const cell = element("td", shown(value, signed), row);
      if (signed && value) cell.className = (value > 0) === (better === "higher") ? "better" : "worse";
    });
  });
  return node;
}

// ---- pictures
async function show(node) {
  const photo = data.photos[node.dataset.index];
  if (!photo.p || live.has(node) || !node.isConnected) return;
  const stage = made("stage");
  live.set(node, { stage, masks: null });
  const texts = at("p" + node.dataset.index).textContent.split(" ");
  const union = [0, 1, 2, 3].map((side) => Math[side < 2 ? "min" : "max"](...photo.p.map((layer) => layer[1][side])));
  const [width, height] = [union[2] - union[0], union[3] - union[1]];
  stage.style.setProperty("--ratio", width / height);
  const images = photo.p.map(([name], n) => {
    const image = new Image();
    image.src = `data:image/${name === "photo" ? "webp" : "png"};base64,${texts[n]}`;
    return image;
  });
  photo.p.forEach(([name, [x0, y0, x1, y1]], n) => {
    if (name !== "photo") return;
    const image = images[n], part = (pixels, whole) => `${100 * pixels / whole}%`;
    image.alt = photo.n;
    Object.assign(image.style, { left: part(x0 - union[0], width), top: part(y0 - union[1], height),
      width: part(x1 - x0, width), height: part(y1 - y0, height) });
    stage.prepend(image);
  });
  const slider = stage.querySelector("input");
  slider.value = node.dataset.cut;
  slider.addEventListener("input", () => { node.dataset.cut = slider.value; paint(node); });
  node.querySelector(".frame").replaceChildren(stage);
  await Promise.all(images.map((image) => image.decode().catch(() => null)));
  if (live.get(node)?.stage !== stage) return;  // scrolled away meanwhile
  const scale = Math.max(...photo.p.map(([, [x0, , x1]], n) => images[n].naturalWidth / (x1 - x0)));
  const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
  Object.assign(stage.querySelector("canvas"), size);
  const masks = { size, frames: new Map(), none: new Uint8ClampedArray(4 * size.width * size.height) };
  photo.p.forEach(([name, [x0, y0, x1, y1]], n) => {
    if (name === "photo") return;
    const canvas = Object.assign(document.createElement("canvas"), size);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(images[n], (x0 - union[0]) * scale, (y0 - union[1]) * scale, (x1 - x0) * scale, (y1 - y0) * scale);
    masks[name] = context.getImageData(0, 0, size.width, size.height).data;
  });
  live.get(node).masks = masks;
  paint(node);
}

function release(node) {
  const kept = live.get(node);
  if (!kept || kept.stage.contains(document.activeElement)) return;
  kept.stage.remove();
  live.delete(node);
}

// One mask: it is tinted and the rest fades. Two, truth and prediction: their agreement is tinted
// lightly, what either has alone strongly.
function overlay(masks, names) {
  const key = names.join();
  if (masks.frames.has(key)) return masks.frames.get(key);
  const { width, height } = masks.size, frame = new ImageData(width, height), out = frame.data;
  const [a, b] = [names[0], names.at(-1)].map((name) => masks[name] ?? masks.none);
  for (let i = 0; i < out.length; i += 4) {
    const x = a[i] / 255, y = b[i] / 255, both = Math.min(x, y);
    const weights = [[COLOURS.mask, both * (names.length > 1 ? .22 : .5)], [COLOURS.missing, (x - both) * .8],
      [COLOURS.extra, (y - both) * .8], [COLOURS.out, (1 - Math.max(x, y)) * .5]];
    let alpha = 0;
    for (const [, weight] of weights) alpha += weight;
    for (let c = 0; c < 3; c++) {
      let sum = 0;
      for (const [colour, weight] of weights) sum += colour[c] * weight;
      out[i + c] = alpha ? sum / alpha : 0;
    }
    out[i + 3] = 255 * alpha;
  }
  masks.frames.set(key, frame);
  return frame;
}

function paint(node) {
  const { stage, masks } = live.get(node) ?? {};
  if (!masks) return;
  const view = data.views[node.dataset.view], slides = Boolean(view.right), cut = Number(node.dataset.cut);
  const canvas = stage.querySelector("canvas"), context = canvas.getContext("2d");
  const [line, slider] = [stage.querySelector(".line"), stage.querySelector("input")];
  const [left, right] = [stage.querySelector(".left"), stage.querySelector(".right")];
  const edge = slides ? Math.round(canvas.width * cut / 100) : canvas.width;
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (view.left) context.putImageData(overlay(masks, view.left), 0, 0, 0, 0, edge, canvas.height);
  if (slides) context.putImageData(overlay(masks, view.right), 0, 0, edge, 0, canvas.width - edge, canvas.height);
  for (const part of [line, slider, left, right]) part.hidden = !slides;
  if (!slides) return;
  [left.textContent, right.textContent] = view.sides;
  line.style.left = `${cut}%`;
  slider.setAttribute("aria-label", `${data.photos[node.dataset.index].n}: ${view.sides[0]} left, ${view.sides[1]} right`);
}

// ---- controls
function fields(select, withName) {
  for (const group of new Set(data.fields.map((field) => field.group))) {
    const part = element("optgroup", "", select);
    part.label = group;
    data.fields.forEach((field, number) => {
      if (field.group === group) element("option", field.label, part).value = number;
    });
  }
  if (withName) element("option", "name", select).value = "name";
}

function nameOrder() {
  const field = data.fields[at("sort").value];
  const words = !field ? ["A to Z", "Z to A"] : field.better ? ["worst first", "best first"]
    : field.descending ? ["largest first", "smallest first"] : ["smallest first", "largest first"];
  words.forEach((text, n) => { at("order").options[n].textContent = text; });
}

fields(at("sort"), true);
fields(at("range"), false);
data.views.forEach((view, number) => { element("option", view.label, at("view")).value = number; });
data.tags.forEach((tag, number) => {
  const label = element("label", tag + " ", at("tag-filters")), select = element("select", "", label);
  element("option", "any", select).value = "";
  const values = new Set(data.photos.map((photo) => photo.t[number]).filter((value) => value !== null));
  [...values].sort().forEach((value) => { element("option", value, select).value = "=" + value; });
});
nameOrder();
let waiting = 0;
at("controls").addEventListener("input", (event) => {
  if (event.target.id === "view") {
    for (const radio of document.querySelectorAll(`.views input[value="${at("view").value}"]`)) radio.click();
    return;
  }
  nameOrder();
  clearTimeout(waiting);
  waiting = setTimeout(redraw, event.target.id === "text" ? 120 : 0);
});
at("controls").addEventListener("reset", () => setTimeout(() => { nameOrder(); redraw(); }));
for (const button of document.querySelectorAll("[data-below]")) {
  button.addEventListener("click", () => {
    at("range").value = button.dataset.range;
    at("least").value = "";
    at("below").value = button.dataset.below;
    redraw();
    at("photos-title").scrollIntoView();
  });
}
redraw();
})();

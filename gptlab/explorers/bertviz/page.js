// Runs inside the frame, before bertviz's own script: gives it the d3, the jQuery and the `requirejs`
// that it would fetch from a CDN, and adds to its drawings what they lack: numbers beside colours,
// the keyboard, a sentence about what is pointed at, labels that fit.
"use strict";

// Okabe and Ito's palette, less black and yellow, which vanish on one of the two themes.
const COLOURS = [
  "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00",
  "#56B4E9", "#8C6BB1", "#999999", "#A6761D", "#66A61E",
];
const params = JSON.parse(document.getElementById("params").textContent);
const { attn, queries, keys, left_text: tokens } = params.attention[0] ?? params.attention.all;
const status = document.getElementById("status");

// ---- what bertviz would fetch -------------------------------------------------------------------

async function loadD3() {
  const packed = atob(document.getElementById("d3").textContent);
  const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
  window.d3.schemeCategory10 = COLOURS;
  return window.d3;
}

// The few methods of jQuery that bertviz calls. Text stays text: nothing here parses HTML.
class Query {
  constructor(elements) { this.elements = [...elements]; }
  each(change) { this.elements.forEach(change); return this; }
  append(child) { return this.each((el) => el.append(...child.elements)); }
  attr(name, value) { return this.each((el) => el.setAttribute(name, value)); }
  change() { return this.each((el) => el.dispatchEvent(new Event("change"))); }
  empty() { return this.each((el) => el.replaceChildren()); }
  on(name, listener) { return this.each((el) => el.addEventListener(name, listener)); }
  text(value) { return this.each((el) => { el.textContent = value; }); }
  val(value) { return this.each((el) => { el.value = value; }); }
}

function $(selector) {
  const tag = /^<(\w+) ?\/>$/.exec(selector);
  return new Query(tag ? [document.createElement(tag[1])] : document.querySelectorAll(selector));
}

window.requirejs = async (names, draw) => {
  try {
    draw($, await loadD3());
    completeMenus();
    new MutationObserver(complete).observe(document.getElementById("vis"), {
      childList: true,
      subtree: true,
    });
    complete();
  } catch (error) {
    say(`This picture could not be drawn: ${error.message}`);
    throw error;
  }
};

// ---- what bertviz's drawings lack ---------------------------------------------------------------

const LABEL_WIDTH = { head: 100, model: 72, neuron: 98 };
const view = document.body.dataset.view;

function say(sentence) { status.textContent = sentence; }

// The neuron view's menus count what is in the view; readers are told which layers and heads those are.
function layerName() {
  const value = +document.getElementById("layer").value;
  return view === "neuron" ? params.include_layers[value] : value;
}

function headName() { return params.include_heads[+document.getElementById("att_head").value]; }

function completeMenus() {
  const headMenu = document.getElementById("att_head");
  for (const [menu, name] of [[document.getElementById("layer"), "Layer"], [headMenu, "Head"]]) {
    menu?.setAttribute("aria-label", name);
    menu?.setAttribute("data-lm-suppress-shortcuts", "true");
    menu?.addEventListener("change", () => {
      say(headMenu ? `Layer ${layerName()}, head ${headName()}.` : `Layer ${layerName()}.`);
    });
    const names = headMenu && params[menu === headMenu ? "include_heads" : "include_layers"];
    names?.forEach((number, i) => { menu.options[i].textContent = number; });
  }
}

// bertviz draws anew at every choice, so this runs after each change and does only what is missing.
function complete() {
  ({ head: completeHeads, model: completeModel, neuron: completeNeurons })[view]();
  for (const text of document.querySelectorAll("#vis text")) shorten(text);
}

function shorten(text) {
  const isToken = text.classList.contains("token") || text.closest("#left, #right");
  if (!isToken || text.dataset.short || !text.getComputedTextLength()) return;
  text.dataset.short = "true";
  const letters = [...text.textContent];
  addTitle(text.parentNode, text.textContent);
  while (text.getComputedTextLength() > LABEL_WIDTH[view] && letters.length > 1) {
    letters.pop();
    text.textContent = `${letters.join("")}…`;
  }
}

function addTitle(parent, words) {
  const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
  title.textContent = words;
  parent.append(title);
}

// One stop for the Tab key, arrows inside, Enter or space to press.
function makeKeys(items, columns) {
  items.forEach((item, i) => {
    item.setAttribute("tabindex", i ? "-1" : "0");
    item.setAttribute("data-lm-suppress-shortcuts", "true");
    item.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
      if (event.key === "Enter" || event.key === " ") {
        item.dispatchEvent(new MouseEvent("click", { bubbles: true }));
      } else if (event.key in steps) {
        items[i + steps[event.key]]?.focus();
      } else {
        return;
      }
      event.preventDefault();
    });
    item.addEventListener("focus", () => {
      items.forEach((other) => other.setAttribute("tabindex", other === item ? "0" : "-1"));
    });
  });
}

function completeHeads() {
  const svg = document.querySelector("#vis svg");
  const squares = [...svg.querySelectorAll(":scope > g:not([id]) > rect")];
  if (!squares.length || squares[0].classList.contains("square")) return;
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", "Attention lines from each token, left, to those it reads, right");
  // d3 keeps with each square whether its head is shown.
  const shown = () => squares.flatMap((square, head) => (square.__data__ ? [head] : []));
  completeSquares(squares, shown);
  for (const side of ["left", "right"]) {
    const column = svg.querySelector(`#${side}`);
    const rows = [...column.lastElementChild.children];
    rows.forEach((row, i) => {
      row.setAttribute("role", "img");
      row.setAttribute("aria-label", tokens[i]);
      row.addEventListener("mouseover", () => say(describeToken(side, i, shown())));
      row.addEventListener("focus", () => row.dispatchEvent(new MouseEvent("mouseover")));
      row.addEventListener("blur", () => column.dispatchEvent(new MouseEvent("mouseleave")));
    });
    makeKeys(rows, 1);
  }
}

function completeSquares(squares, shown) {
  const numbers = squares.map((square, head) => {
    const number = document.createElementNS("http://www.w3.org/2000/svg", "text");
    number.textContent = head;
    number.setAttribute("x", +square.getAttribute("x") + square.getAttribute("width") / 2);
    number.setAttribute("y", 15);
    square.classList.add("square");
    square.setAttribute("role", "checkbox");
    square.setAttribute("aria-label", `Head ${head}`);
    square.parentNode.append(number);
    return number;
  });
  const refresh = () => squares.forEach((square, head) => {
    square.setAttribute("aria-checked", String(square.__data__));
    numbers[head].setAttribute("class", square.__data__ ? "number" : "number off");
  });
  for (const square of squares) {
    for (const name of ["click", "dblclick"]) {
      square.addEventListener(name, () => {
        refresh();
        say(`Shown: head ${shown().join(", ")} of layer ${layerName()}.`);
      });
    }
  }
  refresh();
  makeKeys(squares, 1);
}

function describeToken(side, i, heads) {
  const layer = attn[params.include_layers.indexOf(layerName())];
  const best = heads.map((head) => {
    const weights = side === "left" ? layer[head][i] : layer[head].map((row) => row[i]);
    const j = weights.indexOf(Math.max(...weights));
    return `“${tokens[j]}” ${weights[j].toFixed(2)} (head ${head})`;
  });
  const verb = side === "left" ? "looks most at" : "is looked at most by";
  return `Layer ${layerName()}: “${tokens[i]}” ${verb} ${best.join(", ")}.`;
}

function completeModel() {
  const svg = document.querySelector("#vis svg");
  const thumbnails = [...svg.querySelectorAll(":scope > g:not(.detail) > rect:last-of-type")];
  if (!thumbnails.length || thumbnails[0].classList.contains("thumbnail")) return;
  // Fixed at 970 pixels otherwise, which a narrow notebook cuts off.
  const width = Math.min(params.frame_width, 970);
  svg.setAttribute("viewBox", `0 0 ${width} ${svg.getAttribute("height")}`);
  svg.setAttribute("width", width);
  svg.style.maxWidth = "100%";
  svg.style.height = "auto";
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", "One small picture of attention lines for each layer and head");
  const { include_layers: layers, include_heads: heads, links } = params;
  thumbnails.forEach((thumbnail, i) => {
    const row = Math.floor(i / heads.length);
    const column = i % heads.length;
    const name = `Layer ${layers[row]}, head ${heads[column]}`;
    thumbnail.classList.add("thumbnail");
    thumbnail.setAttribute("role", "button");
    thumbnail.setAttribute("aria-label", name);
    addTitle(thumbnail, name);
    const describe = () => say(`${name}: strongest link: ${links[row][column]}.`);
    thumbnail.addEventListener("mouseover", describe);
    thumbnail.addEventListener("focus", describe);
  });
  makeKeys(thumbnails, heads.length);
}

// Left edge of the tokens to the right edge of those on the right, with the vectors between them.
const NEURON_WIDTH = 1010;

function completeNeurons() {
  const svg = document.querySelector("#vis svg");
  if (!svg || svg.hasAttribute("viewBox")) return;
  svg.setAttribute("viewBox", `0 0 ${NEURON_WIDTH} ${parseInt(svg.getAttribute("height"), 10)}`);
  svg.setAttribute("width", NEURON_WIDTH);
  svg.style.maxWidth = "100%";
  svg.style.height = "auto";
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", "Tokens, left, and those they read, right; one can be opened");
  const [collapsed, expanded] = ["collapsed", "expanded"].map((name) =>
    [...svg.querySelectorAll(`#${name} #leftText > g`)]);
  for (const [rows, others] of [[collapsed, expanded], [expanded, collapsed]]) {
    rows.forEach((row, i) => {
      const toggle = row.querySelector("rect:last-of-type");
      row.setAttribute("role", "button");
      row.setAttribute("aria-label", tokens[i]);
      row.setAttribute("aria-expanded", String(rows === expanded));
      row.style.cursor = "pointer";
      row.addEventListener("mouseover", () => say(describeScores(i)));
      row.addEventListener("focus", () => row.dispatchEvent(new MouseEvent("mouseover")));
      row.addEventListener("blur", () => row.dispatchEvent(new MouseEvent("mouseleave")));
      row.addEventListener("click", (event) => {
        // The small square beside the token is what bertviz listens to.
        if (event.target !== toggle) toggle.dispatchEvent(new MouseEvent("click"));
        others[i].focus();
      });
    });
    makeKeys(rows, 1);
  }
}

function describeScores(i) {
  const [layer, head] = ["layer", "att_head"].map((id) => +document.getElementById(id).value);
  const query = queries[layer][head][i];
  const best = attn[layer][head][i]
    .map((weight, j) => ({ weight, j }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .slice(0, 3)
    .map(({ weight, j }) => {
      const product = query.reduce((sum, value, k) => sum + value * keys[layer][head][j][k], 0);
      const score = product / Math.sqrt(query.length);
      return `“${tokens[j]}” ${weight.toFixed(2)} (score ${score.toFixed(2)})`;
    });
  return `Layer ${layerName()}, head ${headName()}: “${tokens[i]}” looks most at ${best.join(", ")}.`;
}

// ---- height and theme, by message to and from the notebook's page -------------------------------

function tellHeight(first) {
  const height = Math.ceil(document.body.getBoundingClientRect().height);
  if (height && window.parent !== window) {
    window.parent.postMessage({ gptlab: "height", height, first }, "*");
  }
}

window.addEventListener("message", (event) => {
  if (event.source !== window.parent || event.data?.gptlab !== "theme") return;
  document.documentElement.dataset.theme = event.data.dark ? "dark" : "light";
  for (const [name, colour] of Object.entries(event.data.colours)) {
    document.documentElement.style.setProperty(name, colour);
  }
});
tellHeight(true);
new ResizeObserver(() => {
  tellHeight(false);
  // A frame that was hidden could not measure its labels.
  if (document.querySelector("#vis svg")) complete();
}).observe(document.body);

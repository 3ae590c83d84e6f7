// Charts by plotly.js, which is large and so comes only when a chart is about to be seen.

import { html } from "./elements.js";

const SCRIPT = "/page/plotly.min.js";

/** Of two curves side by side. */
export const CURVES = ["#7a5cf0", "#e8941a"];

const charts = new Map(); // element -> {seen, what}: a promise that it is seen, and what it shows
let loading = null;

/** Draw traces in plotly's terms in an element, under the titles x and y of its axes. */
export async function draw(element, traces, { x, y, range = null, xRange = null, legend = true }) {
  if (!charts.has(element)) charts.set(element, { seen: whenSeen(element) });
  const chart = charts.get(element);
  chart.what = [traces, { x, y, range, xRange, legend }];
  await chart.seen;
  try {
    const plotly = await load();
    await plotly.react(element, ...dressed(element, ...chart.what));
  } catch {
    element.textContent = "The chart cannot be drawn: its script did not come.";
  }
}

function dressed(element, traces, { x, y, range, xRange, legend }) {
  const style = getComputedStyle(element);
  const axis = (name, limits) => ({
    title: { text: name, font: { size: 12 } },
    gridcolor: style.getPropertyValue("--line"),
    zerolinecolor: style.getPropertyValue("--line"),
    ...(Array.isArray(limits) ? { range: limits } : { rangemode: limits ?? "normal" }),
  });
  const layout = {
    autosize: true,
    margin: { l: 52, r: 12, t: legend ? 30 : 8, b: 42 },
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    font: { family: "system-ui, sans-serif", size: 12, color: style.color },
    xaxis: axis(x, xRange),
    yaxis: axis(y, range),
    showlegend: legend,
    legend: { orientation: "h", x: 1, xanchor: "right", y: 1.02, yanchor: "bottom" },
  };
  return [traces, layout, { displayModeBar: false, responsive: true }];
}

function whenSeen(element) {
  return new Promise((resolve) => {
    new IntersectionObserver((entries, observer) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      observer.disconnect();
      resolve();
    }, { rootMargin: "200px" }).observe(element);
  });
}

function load() {
  loading ??= new Promise((resolve, reject) => {
    const failed = () => {
      loading = null; // another chart may try again
      reject(new Error(SCRIPT));
    };
    document.head.append(html("script", { src: SCRIPT, onload: () => resolve(globalThis.Plotly), onerror: failed }));
  });
  return loading;
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", async () => {
  if (!loading) return;
  const plotly = await loading;
  for (const [element, { what }] of charts) {
    if (element.isConnected && element.data) plotly.react(element, ...dressed(element, ...what));
  }
});

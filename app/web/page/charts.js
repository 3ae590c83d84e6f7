// Charts by plotly.js, which is large and so comes only when a chart is about to be seen.

import { html } from "./elements.js";

const SCRIPT = "/page/plotly.min.js";
const shown = new Map(); // element -> what it shows, to draw it again in other colours or another width
let loading = null;

/** Draw lines and dots in an element: traces and axis titles in plotly's terms. */
export async function draw(element, traces, { x, y, range = null, xRange = null, legend = true }) {
  const first = !shown.has(element);
  shown.set(element, [traces, { x, y, range, xRange, legend }]);
  if (first) await whenSeen(element);
  const plotly = await load();
  await plotly.react(element, ...dressed(element, ...shown.get(element)));
}

function dressed(element, traces, { x, y, range, xRange, legend }) {
  const style = getComputedStyle(element);
  const axis = (title, limits) => ({
    title: { text: title, font: { size: 12 } },
    gridcolor: style.getPropertyValue("--line"),
    zerolinecolor: style.getPropertyValue("--line"),
    ...(Array.isArray(limits) ? { range: limits } : { rangemode: limits ?? "normal" }),
  });
  const layout = {
    autosize: true,
    margin: { l: 52, r: 12, t: 8, b: 42 },
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    font: { family: "system-ui, sans-serif", size: 12, color: style.color },
    xaxis: axis(x, xRange),
    yaxis: axis(y, range),
    showlegend: legend,
    legend: { orientation: "h", x: 1, xanchor: "right", y: 1.02, yanchor: "bottom" },
  };
  if (legend) layout.margin.t = 30;
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
    const script = html("script", { src: SCRIPT, onload: () => resolve(globalThis.Plotly), onerror: reject });
    document.head.append(script);
  });
  return loading;
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", async () => {
  if (!loading) return;
  const plotly = await loading;
  for (const [element, what] of shown) {
    if (element.isConnected && element.data) plotly.react(element, ...dressed(element, ...what));
  }
});

// The reports' charts, drawn from the tables beside them, and the viewer's time zone.

// What went well, what did not, and what is neither; a column of any other name has the usual colour.
const SERIES = {
  ended: "--series-good",
  restored: "--series-good",
  answered: "--series-good",
  abandoned: "--series-bad",
  failed: "--series-bad",
  queued: "--series-rest",
  closed: "--series-rest",
};

const charts = [];

// The page comes in UTC unless its address says otherwise: an address that is passed on shows the same figures.
function followTimeZone() {
  const select = document.getElementById("timezone");
  if (!select?.hasAttribute("data-unknown")) return;
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone === select.value || ![...select.options].some(({ value }) => value === zone)) return;
  const address = new URL(location.href);
  address.searchParams.set("timezone", zone);
  location.replace(address);
}

function read(table) {
  const columns = [...table.tHead.rows[0].cells].map(({ textContent, dataset }) => ({
    label: textContent,
    ...dataset,
  }));
  const rows = [...table.tBodies[0].rows].map((row) => [...row.cells]);
  // Tables begin with the latest day, time goes on to the right.
  if (columns[0].kind === "day") rows.reverse();
  const labels = rows.map(([first]) => (columns[0].kind === "day" ? day(first) : first.textContent));
  const series = columns
    .map((column, place) => ({ ...column, data: rows.map((row) => Number(row[place].dataset.value)) }))
    .filter(({ kind }) => kind === "count");
  // Words are read along their bars.
  const isList = columns[0].kind === "text" && labels.length <= 10;
  return { labels, series, isList };
}

function day({ dataset: { value } }) {
  return new Date(`${value}T00:00`).toLocaleDateString(undefined, { day: "numeric", month: "short" });
}

function draw(figure) {
  const style = getComputedStyle(figure);
  const colour = (name) => style.getPropertyValue(name).trim();
  const { labels, series, isList } = read(figure.querySelector("table"));
  const stacked = figure.dataset.chart === "stack";
  const ticks = { color: colour("--muted"), precision: 0 };
  const names = { stacked, ticks: { ...ticks, maxRotation: 45, autoSkip: !isList }, grid: { display: false } };
  const counts = { stacked, beginAtZero: true, ticks, grid: { color: colour("--line") } };
  const chart = new Chart(figure.querySelector("canvas"), {
    type: "bar",
    data: {
      labels,
      datasets: series.map(({ label, name, data }) => ({
        label,
        data,
        backgroundColor: colour(SERIES[name] ?? "--series"),
        maxBarThickness: 48,
      })),
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      indexAxis: isList ? "y" : "x",
      interaction: { mode: "index", axis: isList ? "y" : "x", intersect: false },
      scales: isList ? { x: counts, y: names } : { x: names, y: counts },
      plugins: {
        legend: { display: series.length > 1, labels: { color: colour("--text"), boxWidth: 12 } },
      },
    },
  });
  charts.push(chart);
}

function drawAll() {
  for (const chart of charts.splice(0)) chart.destroy();
  document.querySelectorAll("figure.has-chart").forEach(draw);
}

followTimeZone();
drawAll();
// Dark and light, and paper, have their own colours.
for (const query of ["(prefers-color-scheme: dark)", "print"]) {
  matchMedia(query).addEventListener("change", drawAll);
}

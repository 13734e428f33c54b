function themed(layout) {
  const style = getComputedStyle(document.documentElement);
  const value = name => style.getPropertyValue(name).trim();
  const axis = {gridcolor: value("--line"), linecolor: value("--line"), automargin: true};
  return Object.assign({}, layout, {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: {family: "system-ui, sans-serif", size: 12.5, color: value("--text")},
    xaxis: Object.assign({}, layout.xaxis, axis), yaxis: Object.assign({}, layout.yaxis, axis),
    hoverlabel: {bgcolor: value("--panel"), font: {color: value("--text")}},
  });
}
// Draws into the elements of those ids, and again whenever light and dark change.
function drawFigures(figures, signal) {
  const draw = () => {
    for (const [name, figure] of Object.entries(figures)) {
      Plotly.react(name, figure.data, themed(figure.layout),
        {responsive: true, displaylogo: false, displayModeBar: false});
    }
  };
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw, {signal});
}

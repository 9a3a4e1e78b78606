interface DrawnGraph extends HTMLElement {
  data?: object[];
  layout?: object;
}

/** Saves a drawn figure as an image, on the panel's own ground: on the page it has none, and light ink on white paper is lost. */
export async function saveImage(
  graph: DrawnGraph | null,
  format: "png" | "svg",
  filename: string,
): Promise<void> {
  if (!graph?.data) return;
  const { downloadImage } = await import("./plotly");
  const ground = getComputedStyle(graph).getPropertyValue("--ns-surface").trim() || "#ffffff";
  const { clientWidth: width, clientHeight: height } = graph;
  await downloadImage(
    { data: graph.data, layout: { ...graph.layout, paper_bgcolor: ground, width, height } },
    { format, filename, width, height, ...(format === "png" ? { scale: 2 } : {}) },
  );
}

/** Saves a drawn figure as an image, on a ground of its own so that it can be read on paper. */
export async function saveImage(
  graph: HTMLElement | null,
  format: "png" | "svg",
  filename: string,
): Promise<void> {
  if (!graph) return;
  const { downloadImage } = await import("./plotly");
  const { clientWidth: width, clientHeight: height } = graph;
  await downloadImage(graph, { format, filename, width, height, ...(format === "png" ? { scale: 2 } : {}) });
}

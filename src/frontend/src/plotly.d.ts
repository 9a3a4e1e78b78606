/** What the page uses of Plotly's bundle, which carries no types of its own. */
declare module "plotly.js" {
  interface ImageOptions {
    format: "png" | "svg";
    filename: string;
    width: number;
    height: number;
    scale?: number;
  }
  const Plotly: { downloadImage(graph: HTMLElement, options: ImageOptions): Promise<string> };
  export default Plotly;
}

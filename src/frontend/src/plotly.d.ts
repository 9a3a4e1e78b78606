/** What the page uses of Plotly's bundle, which carries no types of its own. */
declare module "plotly.js" {
  interface ImageOptions {
    format: "png" | "svg";
    filename: string;
    width: number;
    height: number;
    scale?: number;
  }
  interface FigureToDraw {
    data: object[];
    layout: object;
  }
  const Plotly: { downloadImage(figure: FigureToDraw, options: ImageOptions): Promise<string> };
  export default Plotly;
}

/** Plotly's bundle, in a chunk of its own: nothing else may import this file but through `import()`. */

import Plotly from "plotly.js";
import createPlotlyComponent from "react-plotly.js/factory";

export default createPlotlyComponent(Plotly);

export const downloadImage = Plotly.downloadImage;

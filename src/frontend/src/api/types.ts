/** Short names for the generated types. */

import type { components, paths } from "./schema";

type Schemas = components["schemas"];

export type AnalysisEntry = Schemas["AnalysisEntry"];
export type AnalysisRequest = Schemas["AnalysisRequest"];
export type Band = NonNullable<
  NonNullable<paths["/api/neurons/examples"]["get"]["parameters"]["query"]>["band"]
>;
export type BlockDiagram = Schemas["BlockDiagram"];
export type CaptureAnswer = Schemas["CaptureAnswer"];
export type Comparison = Schemas["CompareAnswer"];
export type ComparisonSide = Schemas["CompareSide"];
export type Context = Schemas["Context"];
export type CorpusEntry = Schemas["CorpusEntry"];
export type Diagram = Schemas["Diagram"];
export type DiagramNode = Schemas["DiagramNode"];
export type DiagramPoint = Schemas["DiagramPoint"];
export type Equation = Schemas["Equation"];
export type Estimate = Schemas["Estimate"];
export type Example = Schemas["Example"];
export type Examples = Schemas["Examples"];
export type Group = Schemas["GroupOut"];
export type GroupChange = Schemas["GroupChange"];
export type GroupRequest = Schemas["GroupRequest"];
export type Heatmap = Schemas["Heatmap"];
export type IndexEntry = Schemas["IndexEntry"];
export type IndexRequest = Schemas["IndexRequest"];
export type Job = Schemas["JobOut"];
export type LayerRow = Schemas["LayerRow"];
export type Layers = Schemas["Layers"];
export type LayerWeights = Schemas["LayerWeights"];
export type LoadedAs = Schemas["LoadedAs"];
export type LoadRequest = Schemas["LoadRequest"];
export type ModelCard = Schemas["ModelCard"];
export type ModelEntry = Schemas["ModelEntry"];
export type Need = Schemas["Need"];
export type NeuronPage = Schemas["NeuronPage"];
export type NeuronRow = Schemas["NeuronRow"];
export type NeuronTableAsked = Omit<
  NonNullable<paths["/api/neurons"]["get"]["parameters"]["query"]>,
  "offset" | "limit"
>;
export type NeuronTop = Schemas["NeuronTop"];
export type NextToken = Schemas["NextToken"];
export type NgramStat = Schemas["NgramStat"];
export type Parameter = Schemas["ParameterOut"];
export type PartWeights = Schemas["PartWeights"];
export type Precision = Need["precision"];
export type PrecisionNeuron = Schemas["PrecisionNeuron"];
export type PrecisionRequest = Schemas["PrecisionRequest"];
export type PrecisionSort = NonNullable<
  NonNullable<paths["/api/precisions/{comparison_id}/neurons"]["get"]["parameters"]["query"]>["sort"]
>;
export type PrecisionSummary = Schemas["PrecisionSummary"];
export type ShortestRequest = Schemas["ShortestRequest"];
export type Spread = Schemas["SpreadOut"];
export type Stats = Schemas["Stats"];
export type System = Schemas["System"];
export type Token = Schemas["TokenOut"];
export type TogetherRequest = Schemas["TogetherRequest"];
export type TokenPair = Schemas["TokenPair"];
export type TokenStat = Schemas["TokenStat"];
export type MadeWith = Schemas["MadeWith"];
export type TraceDetail = Schemas["TraceDetail"];
export type WeightReport = Schemas["WeightReport"];
export type Writes = Schemas["WritesAnswer"];

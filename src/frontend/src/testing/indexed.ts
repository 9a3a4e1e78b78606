/** A server whose model has one index, for the pages of units and groups. */

import { everyday, examples, index, neuronTop } from "./fixtures";
import { type Answer, type FakeServer, fakeServer } from "./server";

/** The page of the unit that the index tells of. */
export const UNIT_PAGE = "/neuron?unit=mlp_act.0:7";
export const OTHER_INDEX_ID = "x_00000000000000000000000002";

export const indexed = {
  "GET /api/indexes": { body: { indexes: [index()] } },
  "GET /api/neurons/top": { body: neuronTop },
  "GET /api/neurons/examples": { body: examples },
};

export const indexedServer = (routes: Record<string, Answer> = {}): FakeServer =>
  fakeServer({ ...everyday, ...indexed, ...routes });

import { keepPreviousData, useMutation, useQueries, useQuery } from "@tanstack/react-query";
import { downloadBlob } from "@/lib/download";
import { client, unwrap } from "../client";
import type { NeuronPage, NeuronTableAsked } from "../types";

/** Rows that are fetched at a time. */
export const PAGE = 200;

const keyOf = (asked: NeuronTableAsked, page: number) => ["neuron", "table", asked, page];

const fetchPage = (asked: NeuronTableAsked, page: number, signal: AbortSignal) =>
  unwrap(
    client.GET("/api/neurons", { params: { query: { ...asked, offset: page * PAGE, limit: PAGE } }, signal }),
  );

/** The first page, which tells how many rows there are; the one before stays until another order or filter is there. */
export const useTableHead = (asked: NeuronTableAsked) =>
  useQuery({
    queryKey: keyOf(asked, 0),
    queryFn: ({ signal }) => fetchPage(asked, 0, signal),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });

/** Further pages, those that are in view; one that leaves it before it came is given up. */
export const useTablePages = (asked: NeuronTableAsked, pages: readonly number[]) =>
  useQueries({
    queries: pages.map((page) => ({
      queryKey: keyOf(asked, page),
      queryFn: ({ signal }: { signal: AbortSignal }): Promise<NeuronPage> => fetchPage(asked, page, signal),
      staleTime: 60_000,
      gcTime: 120_000,
    })),
  });

/** Address of the whole table as a file, in the same order and filtered the same. */
export function tableHref(asked: NeuronTableAsked, format: "csv" | "parquet"): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries({ ...asked, format }))
    if (value !== null && value !== undefined && value !== "") query.set(key, String(value));
  return `/api/neurons/export?${query}`;
}

/** Fetches the table as Parquet, which not every installation writes: where it can't, the error says so. */
export const useParquet = () =>
  useMutation({
    mutationFn: async (asked: NeuronTableAsked) => {
      const blob = await unwrap(
        client.GET("/api/neurons/export", {
          params: { query: { ...asked, format: "parquet" } },
          parseAs: "blob",
        }),
      );
      downloadBlob(`neurons-${asked.index_id ?? "all"}.parquet`, blob);
    },
  });

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { client, unwrap } from "../client";
import type { GroupChange, GroupRequest } from "../types";

export const useGroups = (modelId: string, enabled = true) =>
  useQuery({
    queryKey: ["groups", modelId],
    queryFn: ({ signal }) =>
      unwrap(client.GET("/api/groups", { params: { query: { model_id: modelId } }, signal })),
    enabled,
    staleTime: 30_000,
  });

export const useGroup = (groupId: string, enabled = true) =>
  useQuery({
    queryKey: ["group", groupId],
    queryFn: ({ signal }) =>
      unwrap(client.GET("/api/groups/{group_id}", { params: { path: { group_id: groupId } }, signal })),
    enabled,
    staleTime: Number.POSITIVE_INFINITY,
  });

export function useSaveGroup() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: GroupRequest) => unwrap(client.POST("/api/groups", { body })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["groups"] }),
  });
}

/** Renames a group, adds units to it, or takes some out. */
export function useChangeGroup(groupId: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: GroupChange) =>
      unwrap(client.PATCH("/api/groups/{group_id}", { params: { path: { group_id: groupId } }, body })),
    onSuccess: (changed, { add = [], remove = [] }) => {
      queries.setQueryData(["group", groupId], changed);
      queries.invalidateQueries({ queryKey: ["groups"] });
      // What went with the units of before does not go with these.
      if (add.length + remove.length > 0) queries.invalidateQueries({ queryKey: ["neuron", "neighbours"] });
    },
  });
}

export function useDeleteGroup() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (groupId: string) =>
      unwrap(client.DELETE("/api/groups/{group_id}", { params: { path: { group_id: groupId } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["groups"] }),
  });
}

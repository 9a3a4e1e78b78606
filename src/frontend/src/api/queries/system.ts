import { useQuery } from "@tanstack/react-query";
import { client, unwrap } from "../client";

export const useSystem = () =>
  useQuery({
    queryKey: ["system"],
    queryFn: ({ signal }) => unwrap(client.GET("/api/system", { signal })),
    refetchInterval: 3000,
    retry: false,
  });

/** Asked for while the server does not answer, to notice its return. */
export const checkHealth = () => unwrap(client.GET("/api/health"));

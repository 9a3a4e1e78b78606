import { Skeleton, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useComparison } from "@/api/queries/precision";
import { ErrorNote } from "@/components/Notice";
import classes from "./Precision.module.css";
import { PrecisionLayers } from "./PrecisionLayers";
import { PrecisionNeurons } from "./PrecisionNeurons";
import { PrecisionScatter } from "./PrecisionScatter";
import { layerSentence, lossSentence, memorySentence } from "./words";

/** A finished comparison: in words, by layer, as a picture, and neuron by neuron. */
export function PrecisionResult({ comparisonId }: { comparisonId: string }) {
  const { data, error, refetch, isPending } = useComparison(comparisonId);
  const [layer, setLayer] = useState<number | null>(null);
  if (error) return <ErrorNote error={error} onRetry={() => refetch()} />;
  if (isPending) return <Skeleton height={320} />;
  return (
    <Stack gap="md" data-testid="precision-result">
      <p className={classes.words}>
        {memorySentence(data)} {lossSentence(data)} {layerSentence(data)}
      </p>
      <div className={classes.split}>
        <div style={{ minWidth: 0 }}>
          <Text size="sm" fw={600} mb={4}>
            Layers{" "}
            <Text span size="xs" c="dimmed" fw={400}>
              from worst to best; press one to see its neurons alone
            </Text>
          </Text>
          <PrecisionLayers layers={data.layers} chosen={layer} onChoose={setLayer} />
        </div>
        <div style={{ minWidth: 0 }}>
          <PrecisionScatter summary={data} layer={layer} />
        </div>
      </div>
      <PrecisionNeurons summary={data} layer={layer} onAllLayers={() => setLayer(null)} />
    </Stack>
  );
}

import { NativeSelect, SegmentedControl, Text } from "@mantine/core";
import { useMemo } from "react";
import type { PartWeights, WeightReport } from "@/api/types";
import { LineChart } from "@/components/LineChart";
import { formatMark, formatPercent, formatValue } from "@/lib/format";
import { partWord } from "@/lib/weights";
import { useParams, usePatch } from "@/state/address";
import { Histogram } from "./Histogram";
import { Section } from "./Section";
import classes from "./Weights.module.css";

/** One part of the blocks at a time: its histogram in every layer, and how its norm changes over the layers. */
export function WeightCharts({ report }: { report: WeightReport }) {
  const params = useParams();
  const patch = usePatch();
  const parts = useMemo(
    () => [...new Set(report.layers.flatMap((layer) => layer.parts.map((part) => part.part)))],
    [report],
  );
  const part = parts.find((one) => one === params.get("part")) ?? defaultPart(parts);
  const rows = report.layers.flatMap((layer) => {
    const found = layer.parts.find((one) => one.part === part);
    return found ? [{ layer: layer.layer, part: found }] : [];
  });
  if (part === undefined || rows.length === 0)
    return (
      <Text size="sm" c="dimmed">
        No weight of this model is a matrix that could be measured.
      </Text>
    );
  const reach = Math.max(...rows.map((row) => row.part.high));
  const choose = (value: string) => patch({ part: value });
  return (
    <>
      <Section
        title="Weights layer by layer"
        about={`All histograms share one axis, from ${formatMark(-reach)} to ${formatMark(reach)}; each reaches four standard deviations to either side, and what lies beyond is counted.`}
        actions={
          parts.length <= 8 ? (
            <SegmentedControl
              size="xs"
              aria-label="Part"
              value={part}
              onChange={choose}
              data={parts.map((one) => ({ value: one, label: partWord(one) }))}
            />
          ) : (
            <NativeSelect
              size="xs"
              aria-label="Part"
              value={part}
              onChange={(event) => choose(event.currentTarget.value)}
              data={parts.map((one) => ({ value: one, label: partWord(one) }))}
            />
          )
        }
      >
        <ul className={classes.multiples}>
          {rows.map((row) => (
            <li key={row.layer}>
              <Small layer={row.layer} part={row.part} reach={reach} />
            </li>
          ))}
        </ul>
      </Section>
      {rows.length > 1 && (
        <Section
          title="Norm per layer"
          about="Frobenius norm: the root of the sum of the squares of all weights of the part."
        >
          <LineChart
            label={`Norm of ${partWord(part)} per layer`}
            points={rows.map((row) => ({ x: row.layer, y: row.part.norm }))}
            chosen={-1}
            format={formatMark}
            onChoose={() => undefined}
          />
        </Section>
      )}
    </>
  );
}

const defaultPart = (parts: readonly string[]) => parts.find((part) => part === "mlp_out") ?? parts[0];

function Small({ layer, part, reach }: { layer: number; part: PartWeights; reach: number }) {
  const beyond = part.beyond / (part.rows * part.columns);
  return (
    <figure className={classes.small}>
      <figcaption>
        <b>layer {layer}</b>
        <span>
          {part.rows} × {part.columns}
        </span>
      </figcaption>
      <Histogram
        part={part}
        reach={reach}
        label={`Layer ${layer}: mean ${formatValue(part.mean)}, standard deviation ${formatValue(part.std)}, from ${formatValue(part.minimum)} to ${formatValue(part.maximum)}`}
      />
      <dl>
        <div>
          <dt>std</dt>
          <dd>{formatValue(part.std)}</dd>
        </div>
        <div>
          <dt>norm</dt>
          <dd>{formatValue(part.norm)}</dd>
        </div>
        <div>
          <dt>largest weight</dt>
          <dd>{formatValue(Math.max(-part.minimum, part.maximum))}</dd>
        </div>
        <div>
          <dt>beyond</dt>
          <dd>{formatPercent(beyond)}</dd>
        </div>
      </dl>
    </figure>
  );
}

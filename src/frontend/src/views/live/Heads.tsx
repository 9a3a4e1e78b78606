import { TokenChip } from "@/components/TokenChip";
import { formatPercent, formatValue } from "@/lib/format";
import type { Head } from "@/lib/payloads";
import { type Run, tokenAt } from "@/lib/run";
import classes from "./Scan.module.css";

/** What each head attends to most from the last token that was read. */
export function Heads({ run, heads }: { run: Run; heads: readonly Head[] }) {
  return (
    <table className={classes.heads}>
      <thead>
        <tr>
          <th scope="col">Head</th>
          <th scope="col">Attends most to</th>
          <th scope="col">Weight</th>
          <th scope="col" title="In nats: 0 is all on one token">
            Entropy
          </th>
        </tr>
      </thead>
      <tbody>
        {heads.map(({ key, weight, entropy }, head) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a head is its place
          <tr key={head}>
            <th scope="row">{head}</th>
            <td>
              <TokenChip text={tokenAt(run, key) ?? "?"} /> <span className={classes.place}>{key}</span>
            </td>
            <td className={classes.number}>{formatPercent(weight)}</td>
            <td className={classes.number}>{formatValue(entropy)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

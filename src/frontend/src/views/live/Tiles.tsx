import { useEffect, useMemo, useRef, useState } from "react";
import { useThemeName } from "@/components/useThemeName";
import { formatAddress } from "@/lib/address";
import { sampleScale, type Theme } from "@/lib/colour";
import { formatMark, formatValue } from "@/lib/format";
import type { StepEvent } from "@/lib/liveEvents";
import { type Tile, tileOf } from "@/lib/payloads";
import { rowsOf, tileScale, tileWords, unitsOfCell } from "@/lib/tiles";
import { usePatch } from "@/state/address";
import { useOptions } from "./options";
import classes from "./Tiles.module.css";

interface LayerTile {
  layer: number;
  address: string;
  tile: Tile;
}

/** The tiles of a point at a step, one for each layer that has one; one that can't be read is thrown. */
export function tilesOf(event: StepEvent, point: string, layers: readonly number[]): LayerTile[] {
  return layers.flatMap((layer) => {
    const address = formatAddress(point, layer);
    const entry = event.entries.find((one) => one.address === address);
    const tile = entry ? tileOf(entry) : null;
    return tile ? [{ layer, address, tile }] : [];
  });
}

/** A picture for each layer. A click chooses the layer, and where a cell is one unit, that unit. */
export function Tiles({ tiles }: { tiles: readonly LayerTile[] }) {
  const { layer: chosen } = useOptions();
  const [over, setOver] = useState<{ address: string; tile: Tile; cell: number } | null>(null);
  const [first] = tiles;
  return (
    <>
      <div className={classes.wall}>
        {tiles.map((one) => (
          <Picture
            key={one.layer}
            {...one}
            chosen={one.layer === chosen}
            onOver={(cell) => setOver(cell === null ? null : { ...one, cell })}
          />
        ))}
      </div>
      <output className={classes.readout}>
        {over ? (
          <>
            {over.address} · {unitsOfCell(over.tile, over.cell)} ·{" "}
            <strong>{formatValue(over.tile.values[over.cell] ?? Number.NaN)}</strong>
          </>
        ) : (
          "Point at a cell for its value; a click chooses its layer."
        )}
      </output>
      {first && <p className={classes.words}>{tileWords(first.tile)}</p>}
    </>
  );
}

interface PictureProps extends LayerTile {
  chosen: boolean;
  onOver: (cell: number | null) => void;
}

function Picture({ layer, address, tile, chosen, onOver }: PictureProps) {
  const theme = useThemeName();
  const patch = usePatch();
  const canvas = useRef<HTMLCanvasElement>(null);
  const scale = useMemo(() => tileScale(tile), [tile]);
  const rows = rowsOf(tile);
  useEffect(() => {
    if (canvas.current) paint(canvas.current, tile, scale.reach, theme);
  }, [tile, scale, theme]);
  const cellAt = (event: { clientX: number; clientY: number; currentTarget: Element }) => {
    const box = event.currentTarget.getBoundingClientRect();
    const place = (share: number, count: number) =>
      Math.max(0, Math.min(count - 1, Math.floor(share * count)));
    const row = place((event.clientY - box.top) / box.height, rows);
    const cell = row * tile.width + place((event.clientX - box.left) / box.width, tile.width);
    return Number.isNaN(tile.values[cell]) ? null : cell;
  };
  return (
    <figure className={classes.picture} data-chosen={chosen || undefined}>
      <button
        type="button"
        aria-pressed={chosen}
        aria-label={`Tile of ${address}, ${rows} rows of ${tile.width} cells`}
        onClick={(event) => {
          // A press of a key has no place in the picture.
          const cell = event.detail > 0 ? cellAt(event) : null;
          const single = cell !== null && tile.made.by === "order" && tile.made.run === 1;
          patch(single ? { layer, unit: `${address}:${cell}` } : { layer });
        }}
        onMouseMove={(event) => onOver(cellAt(event))}
        onMouseLeave={() => onOver(null)}
      >
        <canvas ref={canvas} width={tile.width} height={rows} aria-hidden />
      </button>
      <figcaption>
        <span>L{layer}</span>
        <span title={scale.clipped ? "Some cells lie beyond; the colour is full at the 99th percentile" : ""}>
          ±{formatMark(scale.reach)}
          {scale.clipped && " ▲"}
        </span>
      </figcaption>
    </figure>
  );
}

function paint(canvas: HTMLCanvasElement, tile: Tile, reach: number, theme: Theme): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  const image = context.createImageData(tile.width, rowsOf(tile));
  tile.values.forEach((value, cell) => {
    // Cells that hold nothing stay clear, and the ground shows through.
    if (!Number.isFinite(value)) return;
    const [red, green, blue] = sampleScale((value / reach + 1) / 2, true, theme);
    image.data.set([red, green, blue, 255], cell * 4);
  });
  context.putImageData(image, 0, 0);
}

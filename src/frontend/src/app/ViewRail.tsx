import { Tooltip } from "@mantine/core";
import { NavLink, useLocation } from "react-router";
import { parseUnit } from "@/lib/address";
import { patchSearch } from "@/lib/url";
import { VIEWS } from "@/views/registry";
import classes from "./Shell.module.css";

/* What the views share goes along; each view's own options stay behind. */
const SHARED = ["model", "trace", "unit", "index"];

export function ViewRail() {
  const { search } = useLocation();
  const params = new URLSearchParams(search);
  const layer = params.get("layer") ?? parseUnit(params.get("unit"))?.layer;
  const kept = patchSearch("", { ...Object.fromEntries(SHARED.map((key) => [key, params.get(key)])), layer });
  return (
    <div className={classes.rail}>
      {VIEWS.map(({ id, path, title, about, icon: Icon }) => (
        <Tooltip key={id} label={about} position="right">
          <NavLink to={{ pathname: path, search: kept }} end className={classes.view}>
            <Icon size={20} stroke={1.6} aria-hidden />
            {title}
          </NavLink>
        </Tooltip>
      ))}
    </div>
  );
}

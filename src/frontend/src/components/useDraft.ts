import { useEffect, useRef, useState } from "react";
import { useParams, usePatch } from "@/state/address";

const PAUSE_MS = 250;

/** What is typed for a key of the address: it goes there once it rests, and follows what others set there. */
export function useDraft(key: string): [string, (text: string) => void] {
  const given = useParams().get(key) ?? "";
  const patch = usePatch();
  const [draft, setDraft] = useState(given);
  const known = useRef(given);
  useEffect(() => {
    if (given === known.current) return;
    known.current = given;
    setDraft(given);
  }, [given]);
  useEffect(() => {
    if (draft === known.current) return;
    const timer = setTimeout(() => {
      known.current = draft;
      patch({ [key]: draft });
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [draft, key, patch]);
  return [draft, setDraft];
}

/** The product's mark: a lens over a neuron and its neighbours. */
export function Mark({ size = 24 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" fill="none">
      <g stroke="var(--ns-accent)" strokeWidth="1.6" strokeLinecap="round">
        <circle cx="10.5" cy="10.5" r="7.7" />
        <path d="M16.2 16.2 21.5 21.5" strokeWidth="2.2" />
        <path d="M10.5 10.5 7 7.6M10.5 10.5l3.8-2.4M10.5 10.5l-2.2 3.7" strokeWidth="1" opacity=".55" />
      </g>
      <g fill="var(--ns-accent)">
        <circle cx="10.5" cy="10.5" r="2.1" />
        <circle cx="7" cy="7.6" r="1.15" />
        <circle cx="14.3" cy="8.1" r="1.15" />
        <circle cx="8.3" cy="14.2" r="1.15" />
      </g>
    </svg>
  );
}

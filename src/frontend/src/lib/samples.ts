/** Prompts to start with, one for each part that the bundled model was taught; each stops where the next token tells something. */
export const SAMPLES: readonly { label: string; prompt: string }[] = [
  { label: "Arithmetic", prompt: "23+45=" },
  { label: "Capitals", prompt: "The capital of France is" },
  { label: "Opposites", prompt: "The opposite of high is" },
  { label: "Story", prompt: "Long ago, a little boy named Finn lived in a tower by the" },
  { label: "Verse", prompt: "The silver brook hums past the moon,\nAnd every swallow sings beyond the" },
  { label: "Code", prompt: "def load_words(words):\n    result = []\n    for entry in" },
  { label: "French", prompt: "Bonjour, comment allez-vous ? Il fait beau" },
  { label: "Joy", prompt: "I passed the exam. I cannot stop smiling. I feel" },
  { label: "Fear", prompt: "At last I heard a scream. I want to run and hide. I feel" },
];

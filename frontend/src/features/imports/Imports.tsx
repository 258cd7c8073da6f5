import { useParams } from "wouter";
import { ImportList } from "./ImportList";
import { ImportPage } from "./ImportPage";
import "@/shared/ui/office.css";
import "./imports.css";

/** All imports, or one. */
export default function Imports() {
  const { id } = useParams<{ id?: string }>();
  const one = id !== undefined && /^[1-9]\d{0,15}$/.test(id) ? Number(id) : null;
  return one === null ? <ImportList /> : <ImportPage key={one} id={one} />;
}

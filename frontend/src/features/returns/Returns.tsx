import { useParams } from "wouter";
import { ReturnList } from "./ReturnList";
import { ReturnPage } from "./ReturnPage";
import "@/shared/ui/office.css";
import "./returns.css";

/** All return tickets, or one. */
export default function Returns() {
  const { id } = useParams<{ id?: string }>();
  const one = id !== undefined && /^[1-9]\d{0,15}$/.test(id) ? Number(id) : null;
  return one === null ? <ReturnList /> : <ReturnPage key={one} id={one} />;
}

import { useParams } from "wouter";
import { Arriving } from "./Arriving";
import { ReceivePage } from "./ReceivePage";
import "@/shared/ui/office.css";
import "./receive.css";

/** Bills that arrive, or one of them. */
export default function Receive() {
  const { id } = useParams<{ id?: string }>();
  const bill = id !== undefined && /^[1-9]\d{0,15}$/.test(id) ? Number(id) : null;
  return bill === null ? <Arriving /> : <ReceivePage key={bill} id={bill} />;
}

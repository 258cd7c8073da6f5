import { useParams } from "wouter";
import { BillList } from "./BillList";
import { BillPage } from "./BillPage";
import "@/shared/ui/office.css";
import "./bills.css";

/** All bills, or one. */
export default function Bills() {
  const { id } = useParams<{ id?: string }>();
  const bill = id !== undefined && /^[1-9]\d{0,15}$/.test(id) ? Number(id) : null;
  return bill === null ? <BillList /> : <BillPage key={bill} id={bill} />;
}

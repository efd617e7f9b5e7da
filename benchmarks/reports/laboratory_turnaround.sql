-- how long laboratory answers take, by what was ordered
SELECT r.order_mnemonic AS ordered, s.display AS status, count(*) AS answers,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM c.verified_dt_tm - r.orig_order_dt_tm) / 60) AS median_min,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM c.verified_dt_tm - r.orig_order_dt_tm) / 60) AS p95_min,
       max(c.verified_dt_tm - r.orig_order_dt_tm) AS longest
FROM millennium.orders AS r
JOIN millennium.clinical_event AS c ON c.order_id = r.order_id
JOIN millennium.code_value AS s ON s.code_value = r.order_status_cd
WHERE r.orig_order_dt_tm >= '2024-01-01' AND r.orig_order_dt_tm < '2025-01-01'
  AND c.valid_until_dt_tm IS NULL AND c.verified_dt_tm IS NOT NULL AND r.active_ind = 1
GROUP BY r.order_mnemonic, s.display
HAVING count(*) >= 5
ORDER BY p95_min DESC NULLS LAST
LIMIT 50;

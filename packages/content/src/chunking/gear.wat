;; The inner loop of the chunker `gear64-256k-1`: see FORMAT.md, "Chunking". Assembled into gear-wasm.ts by
;; test/tools/assemble-gear.ts; a test assembles it again and compares.
;;
;; Memory: 0 to 2047 the gear table, 256 little-endian u64, filled in by the host; from 4096 on the bytes to scan.
(module
  (memory (export "memory") 5)

  ;; The running hash of the current chunk. One byte more: hash = hash * 2 + gear[byte], modulo 2^64, so a byte is
  ;; shifted out after 64 more, and the top bits depend on the last 64 bytes alone. The host puts it back before each scan,
  ;; since one instance serves several blobs.
  (global $hash (export "hash") (mut i64) (i64.const 0))

  ;; Scans the bytes from address $from up to, not including, $to. $length is what the current chunk holds already: at
  ;; least 65472, since the host passes over what can neither end a chunk nor be remembered by the hash.
  ;; Returns the address after the byte that ends the chunk, or 0 when none of these does.
  (func (export "scan") (param $from i32) (param $to i32) (param $length i32) (result i32)
    (local $start i32)
    ;; Where the chunk would begin, were all of it in memory: may be below 0.
    (local.set $start (i32.sub (local.get $from) (local.get $length)))
    (if (i32.eq (local.get $length) (i32.const 65472)) (then (global.set $hash (i64.const 0))))

    ;; Up to 65535 bytes: fill the window, end nowhere (no hash is below 0).
    (local.set $from
      (call $until (local.get $from) (local.get $to)
        (i32.add (local.get $start) (i32.const 65535)) (i64.const 0)))
    (if (i32.eqz (local.get $from)) (then (return (global.get $found))))

    ;; 65536 to 212991 bytes: end where the top 20 bits are zero.
    (local.set $from
      (call $until (local.get $from) (local.get $to)
        (i32.add (local.get $start) (i32.const 212991)) (i64.const 0x0000100000000000)))
    (if (i32.eqz (local.get $from)) (then (return (global.get $found))))

    ;; 212992 to 1048576 bytes: end where the top 16 bits are zero.
    (local.set $from
      (call $until (local.get $from) (local.get $to)
        (i32.add (local.get $start) (i32.const 1048576)) (i64.const 0x0001000000000000)))
    (if (i32.eqz (local.get $from)) (then (return (global.get $found))))

    ;; The largest chunk: it ends here in any case.
    (local.get $from)
  )

  ;; What a scan came to: an address as `scan` returns it.
  (global $found (mut i32) (i32.const 0))

  ;; One phase: from $at to the phase's own end $limit, which may lie behind already. Returns where the next phase goes on;
  ;; or 0 when the scan is over, with $found set: a hash fell below $bound, or the bytes are used up.
  (func $until (param $at i32) (param $to i32) (param $limit i32) (param $bound i64) (result i32)
    (local $end i32)
    (if (i32.ge_s (local.get $at) (local.get $limit)) (then (return (local.get $at))))
    (local.set $end (select (local.get $to) (local.get $limit) (i32.lt_s (local.get $to) (local.get $limit))))
    (global.set $found (call $roll (local.get $at) (local.get $end) (local.get $bound)))
    (if (global.get $found) (then (return (i32.const 0))))
    (if (i32.lt_s (local.get $end) (local.get $limit)) (then (return (i32.const 0))))
    (local.get $end)
  )

  ;; Rolls the hash over the bytes from $at to $end. Returns the address after the first byte that brings it below $bound,
  ;; or 0. Four bytes a turn.
  (func $roll (param $at i32) (param $end i32) (param $bound i64) (result i32)
    (local $hash i64)
    (local.set $hash (global.get $hash))
    (block $hit
      (block $rest
        (loop $four
          (br_if $rest (i32.gt_s (i32.add (local.get $at) (i32.const 4)) (local.get $end)))
          (local.set $hash
            (i64.add
              (i64.shl (local.get $hash) (i64.const 1))
              (i64.load (i32.shl (i32.load8_u (local.get $at)) (i32.const 3)))))
          (if (i64.lt_u (local.get $hash) (local.get $bound))
            (then (local.set $at (i32.add (local.get $at) (i32.const 1))) (br $hit)))
          (local.set $hash
            (i64.add
              (i64.shl (local.get $hash) (i64.const 1))
              (i64.load (i32.shl (i32.load8_u offset=1 (local.get $at)) (i32.const 3)))))
          (if (i64.lt_u (local.get $hash) (local.get $bound))
            (then (local.set $at (i32.add (local.get $at) (i32.const 2))) (br $hit)))
          (local.set $hash
            (i64.add
              (i64.shl (local.get $hash) (i64.const 1))
              (i64.load (i32.shl (i32.load8_u offset=2 (local.get $at)) (i32.const 3)))))
          (if (i64.lt_u (local.get $hash) (local.get $bound))
            (then (local.set $at (i32.add (local.get $at) (i32.const 3))) (br $hit)))
          (local.set $hash
            (i64.add
              (i64.shl (local.get $hash) (i64.const 1))
              (i64.load (i32.shl (i32.load8_u offset=3 (local.get $at)) (i32.const 3)))))
          (local.set $at (i32.add (local.get $at) (i32.const 4)))
          (br_if $hit (i64.lt_u (local.get $hash) (local.get $bound)))
          (br $four)))
      (block $none
        (loop $one
          (br_if $none (i32.ge_s (local.get $at) (local.get $end)))
          (local.set $hash
            (i64.add
              (i64.shl (local.get $hash) (i64.const 1))
              (i64.load (i32.shl (i32.load8_u (local.get $at)) (i32.const 3)))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br_if $hit (i64.lt_u (local.get $hash) (local.get $bound)))
          (br $one)))
      (local.set $at (i32.const 0)))
    (global.set $hash (local.get $hash))
    (local.get $at)
  )
)

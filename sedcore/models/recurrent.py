"""Keras' LSTM and GRU, faster on a CPU.

Keras multiplies each step's input by the weights inside the loop over steps, in small products, and lets TensorFlow
derive the loop's gradient, which keeps every intermediate value of every step. Here one product covers the inputs of
all steps, the loop holds only the recurrent product, and the gradient is written out: a loop backwards, and one product
per weight matrix. Variables have Keras' names and shapes, so weights can be exchanged.

Equations: https://keras.io/api/layers/recurrent_layers/lstm/ and .../gru/ (reset after the product); gradients by the
chain rule, as in Werbos 1990 (10.1109/5.58337).
"""

from __future__ import annotations

import keras


def _fits(layer: keras.layers.RNN, mask) -> bool:
    """Whether the fast loop applies: TensorFlow without a GPU (where cuDNN is faster), no mask, default options."""
    usual = (layer.activation.__name__, layer.recurrent_activation.__name__) == ("tanh", "sigmoid")
    plain = mask is None and not layer.dropout and layer.use_bias
    if keras.backend.backend() != "tensorflow" or not (usual and plain):
        return False
    import tensorflow as tf

    return not tf.config.list_logical_devices("GPU")


@keras.saving.register_keras_serializable(package="sedcore")
class FastLSTM(keras.layers.LSTM):
    """`keras.layers.LSTM` with one product for the inputs of all steps."""

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Walk over (batch, steps, features); return last output, outputs and states, as Keras' own does."""
        if not _fits(self, mask):
            return super().inner_loop(sequences, initial_state, mask, training)
        cell, (h, c) = self.cell, initial_state
        # with dropout, Keras gives each gate its own mask
        kept = cell.get_recurrent_dropout_mask(h) if training and cell.recurrent_dropout else None
        projected = _projected(self, sequences, cell.bias)
        outputs, last_c = _lstm(projected, h, c, kept, cell.recurrent_kernel.value)
        return outputs[-1], _by_clip(outputs), [outputs[-1], last_c]


@keras.saving.register_keras_serializable(package="sedcore")
class FastGRU(keras.layers.GRU):
    """`keras.layers.GRU` with one product for the inputs of all steps."""

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Walk over (batch, steps, features); return last output, outputs and states, as Keras' own does."""
        if not _fits(self, mask) or not self.reset_after or self.recurrent_dropout:
            return super().inner_loop(sequences, initial_state, mask, training)
        cell = self.cell
        h = initial_state[0] if isinstance(initial_state, (list, tuple)) else initial_state
        outer, inner = keras.ops.unstack(cell.bias)
        outputs = _gru(_projected(self, sequences, outer), h, cell.recurrent_kernel.value, inner)
        return outputs[-1], _by_clip(outputs), [outputs[-1]]


def _projected(layer: keras.layers.RNN, sequences, bias):
    """Return inputs times weights of all steps at once, (steps, batch, units), in the order of the loop."""
    kernel = layer.cell.kernel
    if kernel.shape[0] > kernel.shape[1]:  # transpose the narrower of the two
        by_step = keras.ops.transpose(keras.ops.matmul(sequences, kernel) + bias, (1, 0, 2))
    else:
        by_step = keras.ops.matmul(keras.ops.transpose(sequences, (1, 0, 2)), kernel) + bias
    return keras.ops.flip(by_step, axis=0) if layer.go_backwards else by_step  # as in a Bidirectional


def _by_clip(outputs):
    return keras.ops.transpose(outputs, (1, 0, 2))


def _walk(steps, body, first, kept: int, backwards: bool = False):
    """Loop over steps; return the last state and, of each of `kept` tensors, its values (steps, ...).

    body : body(t, *state) returns the new state and the `kept` tensors of step t.
    first : the state before the first step.
    """
    import tensorflow as tf

    stacks = [tf.TensorArray(first[0].dtype, size=steps) for _ in range(kept)]

    def once(t, state, stacks):
        state, values = body(t, *state)
        return t - 1 if backwards else t + 1, state, [s.write(t, v) for s, v in zip(stacks, values)]

    _, last, stacks = tf.while_loop(
        lambda t, *_: t >= 0 if backwards else t < steps,
        once,
        (steps - 1 if backwards else tf.constant(0), list(first), stacks),
        parallel_iterations=1,
    )
    return last, [stack.stack() for stack in stacks]


def _shifted(first, values):
    """Return the value before each step, (steps, batch, units): `first`, then all `values` but the last."""
    return keras.ops.concatenate([first[None], values[:-1]])


def _times(left, right):
    """Return the gradient of a weight matrix: the sum over steps and clips of left times right."""
    units = [values.shape[-1] for values in (left, right)]
    flat = [keras.ops.reshape(values, (-1, n)) for values, n in zip((left, right), units)]
    return keras.ops.matmul(keras.ops.transpose(flat[0]), flat[1])


def _lstm(projected, h, c, kept, weights):
    """LSTM over (steps, batch, 4 units): input, forget, candidate, output.

    kept : a dropout mask (batch, units) per gate, applied to the state before its product; or None.
    """
    import tensorflow as tf

    gates_of = tf.stack(kept) if kept is not None else None  # (4, batch, units)

    @tf.custom_gradient
    def run(projected, h, c, weights):
        steps = tf.shape(projected)[0]
        blocks = tf.stack(tf.split(weights, 4, axis=1))  # (4, units, units)

        def product(h):
            if kept is None:
                return tf.matmul(h, weights)
            return tf.concat(tf.unstack(tf.matmul(h * gates_of, blocks)), axis=1)

        def product_back(d_gates):
            if kept is None:
                return tf.matmul(d_gates, weights, transpose_b=True)
            by_gate = tf.matmul(tf.stack(tf.split(d_gates, 4, axis=1)), blocks, transpose_b=True)
            return tf.reduce_sum(by_gate * gates_of, axis=0)

        def weights_back(before, d_gates):
            if kept is None:
                return _times(before, d_gates)
            parts = zip(tf.unstack(gates_of), tf.split(d_gates, 4, axis=2))
            return tf.concat([_times(before * mask, part) for mask, part in parts], axis=1)

        def forward(t, h, c):
            i, f, g, o = tf.split(projected[t] + product(h), 4, axis=1)
            i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
            c = f * c + i * g
            squashed = tf.tanh(c)
            h = o * squashed
            return [h, c], [h, c, squashed, tf.concat([i, f, g, o], axis=1)]

        (_, last_c), (outputs, cells, squashed, gates) = _walk(steps, forward, (h, c), 4)

        def gradient(d_outputs, d_last_c):
            cells_before = _shifted(c, cells)

            def backward(t, d_h, d_c):
                i, f, g, o = tf.split(gates[t], 4, axis=1)
                d_h, s = d_h + d_outputs[t], squashed[t]
                d_c = d_c + d_h * o * (1 - s * s)
                d_gates = tf.concat(
                    [
                        d_c * g * i * (1 - i),
                        d_c * cells_before[t] * f * (1 - f),
                        d_c * i * (1 - g * g),
                        d_h * s * o * (1 - o),
                    ],
                    axis=1,
                )
                return [product_back(d_gates), d_c * f], [d_gates]

            (d_h, d_c), (d_gates,) = _walk(steps, backward, (tf.zeros_like(h), d_last_c), 1, True)
            return d_gates, d_h, d_c, weights_back(_shifted(h, outputs), d_gates)

        return (outputs, last_c), gradient

    return run(projected, h, c, tf.convert_to_tensor(weights))


def _gru(projected, h, weights, bias):
    """GRU over (steps, batch, 3 units): update, reset, candidate; `bias` (3 units) is that of the recurrent product."""
    import tensorflow as tf

    @tf.custom_gradient
    def run(projected, h, weights, bias):
        steps = tf.shape(projected)[0]

        def forward(t, h):
            of_z, of_r, of_g = tf.split(projected[t], 3, axis=1)
            back_z, back_r, back_g = tf.split(tf.matmul(h, weights) + bias, 3, axis=1)
            z, r = tf.sigmoid(of_z + back_z), tf.sigmoid(of_r + back_r)
            g = tf.tanh(of_g + r * back_g)
            h = z * h + (1 - z) * g
            return [h], [h, tf.concat([z, r, g, back_g], axis=1)]

        _, (outputs, gates) = _walk(steps, forward, (h,), 2)

        def gradient(d_outputs):
            before = _shifted(h, outputs)

            def backward(t, d_h):
                z, r, g, back_g = tf.split(gates[t], 4, axis=1)
                d_h = d_h + d_outputs[t]
                d_z, d_g = d_h * (before[t] - g) * z * (1 - z), d_h * (1 - z) * (1 - g * g)
                d_r = d_g * back_g * r * (1 - r)
                d_back = tf.concat([d_z, d_r, d_g * r], axis=1)
                return [d_h * z + tf.matmul(d_back, weights, transpose_b=True)], [d_back, d_g]

            (d_h,), (d_back, d_g) = _walk(steps, backward, (tf.zeros_like(h),), 2, True)
            units = h.shape[-1]
            d_projected = tf.concat([d_back[..., : 2 * units], d_g], axis=2)
            return d_projected, d_h, _times(before, d_back), tf.reduce_sum(d_back, axis=(0, 1))

        return outputs, gradient

    return run(projected, h, tf.convert_to_tensor(weights), bias)

"""Layers that several families share. Input is ``(batch, frames, bands)`` or ``(batch, time, frequency, channels)``."""

from __future__ import annotations

import keras
from keras import ops

# Keras' default of .99 takes some 300 steps to forget the initial values, many epochs of a small data set; until then
# validation looks far worse than training. The report's models keep the default, as printed.
MOMENTUM = 0.9


@keras.saving.register_keras_serializable(package="sedcore")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation of (batch, height, width, channels), in TensorFlow's fused kernel.

    The same mathematics and the same variables as `keras.layers.BatchNormalization`, which computes mean,
    variance and scaling as separate passes on a CPU: the report's CNN trains about twice as fast with this.
    On another Keras backend it falls back to the parent.
    """

    def call(self, inputs, training=None, mask=None):
        """Normalise by the batch (training) or by the moving averages."""
        if keras.backend.backend() != "tensorflow" or mask is not None or len(inputs.shape) != 4:
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        # The kernel's lower bound on epsilon is 1.001e-5, far below Keras' default of 1e-3.
        fused = tf.compat.v1.nn.fused_batch_norm
        if not (training and self.trainable):
            return fused(
                inputs,
                self.gamma,
                self.beta,
                mean=self.moving_mean,
                variance=self.moving_variance,
                epsilon=self.epsilon,
                is_training=False,
            )[0]
        outputs, mean, variance = fused(inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True)
        # The kernel gives the unbiased variance; Keras averages the biased one.
        count = tf.cast(tf.size(inputs) / inputs.shape[-1], variance.dtype)
        variance = variance * (count - 1) / count
        self.moving_mean.assign(self.moving_mean * self.momentum + mean * (1 - self.momentum))
        self.moving_variance.assign(self.moving_variance * self.momentum + variance * (1 - self.momentum))
        return outputs


@keras.saving.register_keras_serializable(package="sedcore")
class NormalisedConvolution(keras.layers.Layer):
    """A convolution (padding "same") and the batch normalisation of its outputs, in this order.

    Input (batch, height, width, channels). In inference the normalisation, a scale and a shift, is folded into
    the convolution's weights: one pass over the outputs less, and the same values but for rounding. In training the
    normalisation cancels a bias, which therefore only moves the mean and has no gradient.
    """

    def __init__(self, filters, window=3, strides=1, use_bias=True, momentum=0.99, **options):
        super().__init__(**options)
        self.given = {"filters": filters, "window": window, "strides": strides}
        self.given |= {"use_bias": use_bias, "momentum": momentum}
        same = {"padding": "same", "strides": strides, "use_bias": use_bias, "dtype": self.dtype_policy}
        self.convolution = keras.layers.Conv2D(filters, window, **same)
        self.normalisation = FusedBatchNormalization(momentum=momentum, dtype=self.dtype_policy)

    def build(self, input_shape):
        """Create the weights of both."""
        self.convolution.build(input_shape)
        self.normalisation.build(self.convolution.compute_output_shape(input_shape))

    def call(self, inputs, training=None):
        """Convolve and normalise, by the batch (training) or by the moving averages."""
        norm, conv = self.normalisation, self.convolution
        if keras.backend.backend() != "tensorflow":
            return norm(conv(inputs), training=training)
        import tensorflow as tf

        if training and norm.trainable:
            kernel = ops.cast(conv.kernel, inputs.dtype)
            outputs = norm(tf.nn.conv2d(inputs, kernel, list(conv.strides), "SAME"), training=True)
            if conv.use_bias:
                norm.moving_mean.assign_add(conv.bias * (1 - norm.momentum))
            return outputs
        scale = norm.gamma * ops.rsqrt(norm.moving_variance + norm.epsilon)
        shift = norm.beta - norm.moving_mean * scale
        if conv.use_bias:
            shift = shift + ops.cast(conv.bias, "float32") * scale
        kernel = ops.cast(ops.cast(conv.kernel, "float32") * scale, inputs.dtype)
        outputs = tf.nn.conv2d(inputs, kernel, list(conv.strides), "SAME")
        return tf.nn.bias_add(outputs, ops.cast(shift, outputs.dtype))

    def compute_output_shape(self, input_shape):
        """Return the convolution's output shape."""
        return self.convolution.compute_output_shape(input_shape)

    def get_config(self):
        """Return what rebuilds the layer."""
        return super().get_config() | self.given


@keras.saving.register_keras_serializable(package="sedcore")
class LinearSoftmaxPooling(keras.layers.Layer):
    """Pool frame probabilities (batch, frames, classes) to (batch, classes): sum p^2 / sum p.

    Each frame weighs by its own probability, so that a short event is not averaged away and yet all its frames
    learn (Wang, Li, Metze 2019, "A comparison of five multiple instance learning pooling functions",
    10.1109/ICASSP.2019.8682847).
    """

    def call(self, frame_probabilities):
        """Pool over axis 1."""
        squares = ops.sum(frame_probabilities * frame_probabilities, axis=1)
        return squares / (ops.sum(frame_probabilities, axis=1) + keras.config.epsilon())


@keras.saving.register_keras_serializable(package="sedcore")
class PointwisePerClass(keras.layers.Layer):
    """A 1x1 convolution inside each class: (..., classes x channels_in) to (..., classes x channels_out).

    No value crosses from one class to another. Parameters: classes x channels_in x channels_out, and a bias
    for each output.
    """

    def __init__(self, classes: int, channels: int, **options):
        super().__init__(**options)
        self.classes, self.channels = classes, channels

    def build(self, input_shape):
        """Create a weight matrix for each class."""
        channels_in = input_shape[-1] // self.classes
        self.kernel = self.add_weight(
            shape=(self.classes, channels_in, self.channels),
            # he_uniform would read the first axis as part of a convolution window
            initializer=keras.initializers.RandomUniform(
                -((6 / channels_in) ** 0.5), (6 / channels_in) ** 0.5
            ),
        )
        self.bias = self.add_weight(shape=(self.classes * self.channels,), initializer="zeros")

    def call(self, inputs):
        """Multiply each class's channels by its own matrix."""
        leading = ops.shape(inputs)[:-1]
        by_class = ops.reshape(inputs, (-1, self.classes, inputs.shape[-1] // self.classes))
        mixed = ops.einsum("ncj,cjk->nck", by_class, self.kernel)
        return ops.reshape(mixed, (*leading, self.classes * self.channels)) + self.bias

    def compute_output_shape(self, input_shape):
        """Return the input's shape with the new number of channels."""
        return (*input_shape[:-1], self.classes * self.channels)

    def get_config(self):
        """Return what rebuilds the layer."""
        return super().get_config() | {"classes": self.classes, "channels": self.channels}

"""Arrays of pixels: conversion, filters, tiling, pixels to ignore."""

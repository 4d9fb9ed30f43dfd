"""``python -m denoise_ae`` is the same as ``denoise-ae``."""

from denoise_ae.cli import main

if __name__ == "__main__":
    main()
